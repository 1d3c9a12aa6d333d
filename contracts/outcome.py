"""What a client says of a loan's end, and the one way to read it from bytes.

`POST /v1/outcomes` takes it; nothing unknown gets in. On the topic it is `contracts.events.OutcomeObserved`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from contracts.lanes import Lane
from contracts.problems import (
    BODY,
    MALFORMED,
    MISSING,
    OUT_OF_RANGE,
    UNKNOWN_CATEGORY,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    FieldProblem,
    InvalidOutcome,
)

MAX_APPLICATION_ID_CHARS: Final = 64
#: Clocks differ; an outcome of tomorrow is a mistake.
_AHEAD: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SubmittedOutcome:
    """An application's end as its lender saw it at `observed_at`, in UTC."""

    application_id: str
    defaulted: bool
    observed_at: datetime
    lane: Lane = Lane.SYNC


EXAMPLE: Final = {
    "application_id": "0192f6c4-7c7e-7b6e-8f54-2f6a4a0c1d10",
    "defaulted": False,
    "observed_at": "2026-11-20T00:00:00Z",
}
#: JSON Schema of the body, as OpenAPI 3.1 has it.
JSON_SCHEMA: Final[dict[str, Any]] = {
    "title": "Outcome",
    "description": "What became of a loan. Only granted loans have an outcome.",
    "type": "object",
    "properties": {
        "application_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_APPLICATION_ID_CHARS,
            "description": "The id in the decision.",
        },
        "defaulted": {
            "type": "boolean",
            "description": "Whether the loan was in default when it was looked at.",
        },
        "observed_at": {
            "type": "string",
            "format": "date-time",
            "description": "When it was looked at, RFC 3339 with its zone; not in the future.",
        },
        "lane": {
            "type": "string",
            "enum": [lane.value for lane in Lane],
            "default": Lane.SYNC.value,
            "description": "`batch` for an application that went through the batch lane.",
        },
    },
    "required": ["application_id", "defaulted", "observed_at"],
    "additionalProperties": False,
    "examples": [EXAMPLE],
}


def decode_submitted_outcome(body: bytes, *, now: datetime) -> SubmittedOutcome:
    """The outcome that a client submitted; InvalidOutcome, with every problem named, for anything else."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidOutcome((FieldProblem(BODY, MALFORMED, "must be one JSON object"),)) from None
    if not isinstance(document, dict):
        raise InvalidOutcome((FieldProblem(BODY, MALFORMED, "must be one JSON object"),))
    problems = tuple(_problems(document, now))
    if problems:
        raise InvalidOutcome(problems)
    return SubmittedOutcome(
        document["application_id"],
        document["defaulted"],
        _moment(document["observed_at"]) or now,
        Lane(document.get("lane", Lane.SYNC.value)),
    )


def _problems(document: dict[str, Any], now: datetime) -> Iterator[FieldProblem]:
    known = JSON_SCHEMA["properties"]
    for name in list(document)[:20]:
        if name not in known:
            yield FieldProblem(name[:80], UNKNOWN_FIELD, f"leave it out; there are {', '.join(known)}")
    for name in JSON_SCHEMA["required"]:
        if document.get(name) is None:
            yield FieldProblem(name, MISSING, f"is required: {known[name]['description']}")
    yield from _wrong_values(document, now)


def _wrong_values(document: dict[str, Any], now: datetime) -> Iterator[FieldProblem]:
    application_id, defaulted = document.get("application_id"), document.get("defaulted")
    is_text = isinstance(application_id, str)
    if application_id is not None and not (is_text and 1 <= len(application_id) <= MAX_APPLICATION_ID_CHARS):
        yield FieldProblem("application_id", WRONG_TYPE, f"must be a text of 1 to {MAX_APPLICATION_ID_CHARS}")
    if defaulted is not None and not isinstance(defaulted, bool):
        yield FieldProblem("defaulted", WRONG_TYPE, "must be true or false")
    if (observed_at := document.get("observed_at")) is not None:
        moment = _moment(observed_at)
        if moment is None:
            yield FieldProblem("observed_at", WRONG_TYPE, "must be like 2026-11-20T00:00:00Z, with its zone")
        elif moment > now + _AHEAD:
            yield FieldProblem("observed_at", OUT_OF_RANGE, "must not be in the future")
    if document.get("lane", Lane.SYNC.value) not in [lane.value for lane in Lane]:
        yield FieldProblem("lane", UNKNOWN_CATEGORY, "must be sync or batch")


def _moment(text: object) -> datetime | None:
    """The moment in UTC, or None for what is none, has no zone, or is of a year that UTC does not have."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
