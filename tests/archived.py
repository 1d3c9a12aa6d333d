"""Predictions and outcomes as records of the log and as files of an archive, for every suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

import contracts
from contracts.events import OutcomeObserved, decode_decision, decode_scored, encode
from contracts.headers import CLIENT_ID
from contracts.topics import OUTCOMES, PREDICTIONS, PREDICTIONS_BATCH
from training.archive.files import Place
from training.archive.plan import runs
from training.archive.rows import LoggedRecord, outcome_rows, prediction_rows
from training.archive.store import ArchiveStore

TOPICS = (PREDICTIONS.name, PREDICTIONS_BATCH.name, OUTCOMES.name)
GOLDEN = (Path(contracts.__file__).parent / "examples" / "predictions" / "v1" / "minimal.json").read_bytes()
AT_MS = 1_764_000_000_000


def prediction_value(
    number: int, *, application: bytes | None = None, model_digest: str | None = None, **decision: Any
) -> bytes:
    """A prediction of an application of its own; `decision` replaces fields of its document."""
    scored = decode_scored(GOLDEN)
    replace = msgspec.structs.replace
    application_id = f"app-{number:08d}"
    document = replace(decode_decision(bytes(scored.decision)), application_id=application_id, **decision)
    return encode(
        replace(
            scored,
            application_id=application_id,
            model_digest=model_digest or scored.model_digest,
            decision=msgspec.Raw(encode(document)),
            application=scored.application if application is None else msgspec.Raw(application),
        )
    )


def prediction_record(offset: int, *, timestamp_ms: int = AT_MS, **decision: Any) -> LoggedRecord:
    """The prediction `offset` as the log has it."""
    value = prediction_value(offset, **decision)
    return LoggedRecord(offset, timestamp_ms, value, {CLIENT_ID: b"bank"})


def outcome_record(offset: int, outcome: OutcomeObserved, *, timestamp_ms: int = AT_MS) -> LoggedRecord:
    """The outcome as the log has it."""
    return LoggedRecord(offset, timestamp_ms, encode(outcome), {})


def archive_records(
    store: ArchiveStore, topic: str, records: Sequence[LoggedRecord], *, start: int = 0
) -> None:
    """Write the records as files of partition 0."""
    place = Place(topic, 0)
    as_rows = outcome_rows if topic == OUTCOMES.name else prediction_rows
    for run in runs(place, start, [(one.offset, one.timestamp_ms) for one in records]):
        store.write(run.file, as_rows(place, records[run.start : run.stop]).table)


def tables(store: ArchiveStore, topic: str, columns: list[str]) -> Iterable[pa.Table]:
    """All files of the topic as they lie there, overlaps and all."""
    return (store.read(file, columns) for file in store.files(topic))
