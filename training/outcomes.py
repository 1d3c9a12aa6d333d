"""Matured outcomes of applications that were scored here: labels beyond the Kaggle file.

The archive of this platform is read by `training.archive.matured`. Labels from elsewhere are a folder of
Parquet files (any depth, any number), one row per application whose end is
known, with these columns; others are ignored:

    application_id   string      the decision's identity; the first row of an id counts
    application      binary      the JSON as submitted, bytes untouched
    snapshot_id      string      the feature snapshot that it was scored with; null for none
    decision         string      approve, refer or decline
    submitted_at     timestamp   UTC, when it was applied for
    defaulted        bool        the outcome
    observed_at      timestamp   UTC, when the outcome became known

Only granted loans have an outcome: who learns from these alone learns of people that a model liked.
They join the Kaggle labels, they do not replace them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.application import as_row, decode_logged
from contracts.problems import InvalidApplication
from feature_service.application import Encoded, encode
from training.errors import BadOutcomes, NoOutcomes

_MOMENT: Final = pa.timestamp("us", tz="UTC")
OUTCOME_SCHEMA: Final = pa.schema(
    [
        ("application_id", pa.string()),
        ("application", pa.binary()),
        ("snapshot_id", pa.string()),
        ("decision", pa.string()),
        ("submitted_at", _MOMENT),
        ("defaulted", pa.bool_()),
        ("observed_at", _MOMENT),
    ]
)


@dataclass(frozen=True, slots=True)
class MaturedOutcomes:
    """Scored applications whose end is known, oldest first.

    `columns` is `(n_rows, n_columns)` as the contract orders them; `snapshot_ids` has the snapshot of
    each row, None for none; `sha256` identifies all of it.
    """

    columns: Encoded
    target: npt.NDArray[np.int64]
    submitted_at: npt.NDArray[np.datetime64]
    snapshot_ids: tuple[str | None, ...]
    sha256: str


class OutcomeArchive(Protocol):
    """Where outcomes come from."""

    def matured(self, observed_from: datetime, observed_to: datetime) -> MaturedOutcomes:
        """The outcomes that became known in `[observed_from, observed_to)`; BadOutcomes if none did."""


@dataclass(frozen=True, slots=True)
class ParquetOutcomes:
    """Implements `OutcomeArchive` over a folder of Parquet files."""

    folder: Path

    def matured(self, observed_from: datetime, observed_to: datetime) -> MaturedOutcomes:
        """See `OutcomeArchive`. Files are read one by one; only rows of the window are kept."""
        window = (pc.scalar(pa.scalar(moment, _MOMENT)) for moment in (observed_from, observed_to))
        low, high = window
        keep = (pc.field("observed_at") >= low) & (pc.field("observed_at") < high)
        tables = [_read(path, keep) for path in sorted(self.folder.rglob("*.parquet"))]
        table = pa.concat_tables(tables) if tables else OUTCOME_SCHEMA.empty_table()
        if table.num_rows == 0:
            raise NoOutcomes(f"{self.folder}: no outcome was observed from {observed_from} to {observed_to}")
        return decoded(table, self.folder)


def _read(path: Path, keep: pc.Expression) -> pa.Table:
    try:
        table = pq.read_table(path, columns=OUTCOME_SCHEMA.names, filters=keep)
        return table.select(OUTCOME_SCHEMA.names).cast(OUTCOME_SCHEMA)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise BadOutcomes(f"{path}: {error}") from error


def decoded(table: pa.Table, folder: Path | str) -> MaturedOutcomes:
    """The rows of an `OUTCOME_SCHEMA` table, oldest first; BadOutcomes, naming `folder`, for a bad one."""
    table = table.sort_by([("submitted_at", "ascending"), ("application_id", "ascending")])
    kept, rows, digest = [], [], hashlib.sha256()
    seen: set[str] = set()
    for number, outcome in enumerate(_records(table)):
        application_id = outcome["application_id"]
        if application_id in seen:
            continue
        seen.add(application_id)
        if outcome["defaulted"] is None or outcome["submitted_at"] is None:
            raise BadOutcomes(f"{folder}: application {application_id} has no outcome or no date")
        try:
            rows.append(as_row(decode_logged(outcome["application"] or b"").application))
        except InvalidApplication as error:
            raise BadOutcomes(f"{folder}: application {application_id} can't be read: {error}") from error
        identity = (application_id, outcome["defaulted"], outcome["snapshot_id"], outcome["application"])
        digest.update(repr(identity).encode())
        kept.append(number)
    table = table.take(pa.array(kept, pa.int64()))  # of an empty list Arrow can't tell the type
    return MaturedOutcomes(
        columns=encode(rows),
        target=table["defaulted"].cast(pa.int64()).to_numpy(),
        submitted_at=table["submitted_at"].cast(pa.timestamp("us")).to_numpy(),
        snapshot_ids=tuple(table["snapshot_id"].to_pylist()),
        sha256=digest.hexdigest(),
    )


def _records(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()
