"""Records of the log as rows of the archive: one Arrow schema for predictions, one for outcomes.

Pure: bytes in, tables out. A record that can't be read is a row too: its bytes are in `value`, and the
columns that come from them are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pyarrow as pa

from contracts.events import decode_decision, decode_outcome, decode_scored, submitted_value
from contracts.headers import CLIENT_ID
from training.archive.files import Place

_MOMENT: Final = pa.timestamp("ms", tz="UTC")

_LOG_FIELDS: Final = [
    ("topic", pa.string()),
    ("partition", pa.int32()),
    ("offset", pa.int64()),
    ("logged_at", _MOMENT),
    ("value", pa.binary()),
    ("client_id", pa.string()),
    ("application_id", pa.string()),
    ("applicant_id", pa.int64()),
    ("lane", pa.string()),
]
#: `application` are the bytes as submitted, `document` those of the decision as answered; `submitted_at`
#: is when the application was in the log.
PREDICTIONS_SCHEMA: Final = pa.schema(
    [
        *_LOG_FIELDS,
        ("submitted_at", _MOMENT),
        ("decided_at", _MOMENT),
        ("decision", pa.string()),
        ("probability_of_default", pa.float64()),
        ("score", pa.int32()),
        ("margin", pa.float64()),
        ("reasons", pa.list_(pa.string())),
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("model_digest", pa.string()),
        ("snapshot_id", pa.string()),
        ("snapshot_as_of", pa.string()),
        ("applicant_found", pa.bool_()),
        ("unseen_categories", pa.list_(pa.string())),
        ("request_hash", pa.string()),
        ("feature_hash", pa.string()),
        ("source_topic", pa.string()),
        ("source_partition", pa.int32()),
        ("source_offset", pa.int64()),
        ("scorer", pa.string()),
        ("in_log_ms", pa.float64()),
        ("deciding_ms", pa.float64()),
        ("application", pa.binary()),
        ("document", pa.binary()),
    ]
)
OUTCOMES_SCHEMA: Final = pa.schema([*_LOG_FIELDS, ("defaulted", pa.bool_()), ("observed_at", _MOMENT)])

_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError)
_NOT_OF_THE_SCHEMA: Final = (pa.ArrowException, OverflowError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record as the log has it."""

    offset: int
    timestamp_ms: int
    value: bytes
    headers: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table, and how many of its rows could not be read."""

    table: pa.Table
    unreadable: int


def prediction_rows(place: Place, records: Sequence[LoggedRecord]) -> Rows:
    """The records as predictions, in order."""
    return _rows(place, records, PREDICTIONS_SCHEMA, _prediction)


def outcome_rows(place: Place, records: Sequence[LoggedRecord]) -> Rows:
    """The records as outcomes, in order."""
    return _rows(place, records, OUTCOMES_SCHEMA, _outcome)


def _rows(
    place: Place,
    records: Sequence[LoggedRecord],
    schema: pa.Schema,
    read: Callable[[LoggedRecord], dict[str, Any]],
) -> Rows:
    rows = [_row(place, record, read) for record in records]
    try:
        table = pa.Table.from_pylist(rows, schema=schema)
    except _NOT_OF_THE_SCHEMA:
        # Somewhere a number that its column can't hold: the others must not wait for it.
        rows = [
            row if _fits(row, schema) else _unreadable(place, record)
            for row, record in zip(rows, records, strict=True)
        ]
        table = pa.Table.from_pylist(rows, schema=schema)
    return Rows(table, unreadable=sum(1 for row in rows if "value" in row))


def _row(
    place: Place, record: LoggedRecord, read: Callable[[LoggedRecord], dict[str, Any]]
) -> dict[str, Any]:
    try:
        return {**_log_columns(place, record), **read(record)}
    except _UNREADABLE:
        return _unreadable(place, record)


def _unreadable(place: Place, record: LoggedRecord) -> dict[str, Any]:
    return {**_log_columns(place, record), "value": record.value}


def _log_columns(place: Place, record: LoggedRecord) -> dict[str, Any]:
    return {
        "topic": place.topic,
        "partition": place.partition,
        "offset": record.offset,
        "logged_at": record.timestamp_ms,
        "client_id": record.headers.get(CLIENT_ID, b"").decode(errors="replace") or None,
    }


def _fits(row: dict[str, Any], schema: pa.Schema) -> bool:
    try:
        pa.Table.from_pylist([row], schema=schema)
    except _NOT_OF_THE_SCHEMA:
        return False
    return True


def _prediction(record: LoggedRecord) -> dict[str, Any]:
    scored = decode_scored(record.value)
    decided = decode_decision(bytes(scored.decision))
    decided_at = _moment(decided.decided_at)
    return {
        "application_id": scored.application_id,
        "applicant_id": decided.applicant_id,
        "lane": scored.lane,
        "submitted_at": decided_at - timedelta(milliseconds=scored.timings.in_log_ms),
        "decided_at": decided_at,
        "decision": decided.decision,
        "probability_of_default": decided.probability_of_default,
        "score": decided.score,
        "margin": scored.margin,
        "reasons": [reason.code for reason in decided.reasons],
        "model_name": decided.model.name,
        "model_version": decided.model.version,
        "model_digest": scored.model_digest,
        "snapshot_id": decided.feature_snapshot.id,
        "snapshot_as_of": decided.feature_snapshot.as_of,
        "applicant_found": decided.feature_snapshot.applicant_found,
        "unseen_categories": list(scored.unseen_categories),
        "request_hash": scored.request_hash,
        "feature_hash": scored.feature_hash,
        "source_topic": scored.source.topic,
        "source_partition": scored.source.partition,
        "source_offset": scored.source.offset,
        "scorer": scored.scorer,
        "in_log_ms": scored.timings.in_log_ms,
        "deciding_ms": scored.timings.deciding_ms,
        "application": submitted_value(scored),
        "document": bytes(scored.decision),
    }


def _outcome(record: LoggedRecord) -> dict[str, Any]:
    outcome = decode_outcome(record.value)
    return {
        "application_id": outcome.application_id,
        "applicant_id": outcome.applicant_id,
        "lane": outcome.lane,
        "defaulted": outcome.defaulted,
        "observed_at": _moment(outcome.observed_at),
    }


def _moment(text: str) -> datetime:
    """The moment in UTC, also where no zone is said; OverflowError for a year that UTC does not have."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
