"""From a verdict to the bytes that leave the scorer: predictions, replies and dead letters. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from contracts import headers
from contracts.errors import PROBLEM_CONTENT_TYPE, DeadLetterReason, ProblemDocument, ProblemType
from contracts.events import (
    ApplicationScored,
    DecisionDocument,
    ModelVersion,
    SnapshotUsed,
    SourceRecord,
    Timings,
    encode,
    white_space_around,
)
from scorer.decide import Verdict
from scorer.intake import CARRIED, Accepted, Rejected
from scorer.records import Headers, OutputRecord

_REPLY_STATUS = {
    DeadLetterReason.UNDECODABLE: (422, ProblemType.INVALID_APPLICATION),
    DeadLetterReason.INVALID: (422, ProblemType.INVALID_APPLICATION),
    DeadLetterReason.TOO_LARGE: (413, ProblemType.TOO_LARGE),
    DeadLetterReason.NO_KEY: (422, ProblemType.INVALID_HEADER),
    DeadLetterReason.MALFORMED_HEADER: (422, ProblemType.INVALID_HEADER),
    DeadLetterReason.REPLY_TOPIC_NOT_ALLOWED: (422, ProblemType.INVALID_HEADER),
    DeadLetterReason.SCORING_FAILED: (410, ProblemType.DEAD_LETTERED),
    DeadLetterReason.SCORING_KILLED: (410, ProblemType.DEAD_LETTERED),
}

#: What of an input a dead letter holds at most; with our headers it stays below the topic's 1 MiB.
_MAX_LETTER_BYTES: Final = 900_000
_MAX_CUT_BYTES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a micro-batch was decided with: who, by which model and snapshot, when, and in what time."""

    lane: str
    scorer: str
    model: ModelVersion
    model_digest: str
    decided_at: str
    decided_at_ms: int
    deciding_ms: float
    snapshot_id: str | None = None
    snapshot_as_of: str | None = None


def decision_document(accepted: Accepted, verdict: Verdict, circumstances: Circumstances) -> bytes:
    """The decision as the caller will see it, UTF-8 JSON."""
    return encode(
        DecisionDocument(
            application_id=accepted.application_id,
            applicant_id=accepted.application.SK_ID_CURR,
            decision=verdict.decision,
            probability_of_default=verdict.probability_of_default,
            score=verdict.score,
            reasons=verdict.reasons,
            model=circumstances.model,
            feature_snapshot=SnapshotUsed(
                id=circumstances.snapshot_id,
                as_of=circumstances.snapshot_as_of,
                applicant_found=verdict.applicant_found,
            ),
            decided_at=circumstances.decided_at,
        )
    )


def prediction(
    accepted: Accepted, verdict: Verdict, decision: bytes, circumstances: Circumstances
) -> OutputRecord:
    """The record of the prediction stream: the decision and all that recomputes it."""
    record = accepted.record
    scored = ApplicationScored(
        application_id=accepted.application_id,
        decision=msgspec.Raw(decision),
        application=msgspec.Raw(record.value or b"null"),
        application_margins=white_space_around(record.value or b""),
        request_hash=accepted.request_hash,
        feature_hash=verdict.feature_hash,
        margin=verdict.margin,
        model_digest=circumstances.model_digest,
        unseen_categories=accepted.unseen_categories,
        source=SourceRecord(topic=record.topic, partition=record.partition, offset=record.offset),
        lane=circumstances.lane,
        scorer=circumstances.scorer,
        timings=Timings(
            in_log_ms=max(0, circumstances.decided_at_ms - record.timestamp_ms),
            deciding_ms=circumstances.deciding_ms,
        ),
    )
    return OutputRecord(
        key=str(accepted.application.SK_ID_CURR).encode(),
        value=encode(scored),
        headers=[
            (headers.SCHEMA_VERSION, headers.SCHEMA_VERSION_1),
            (headers.APPLICATION_ID, accepted.application_id.encode()),
            *_carried(record.headers, *CARRIED),
        ],
    )


def decision_reply(accepted: Accepted, decision: bytes) -> OutputRecord | None:
    """The reply to the requester, or None when nobody waits."""
    if accepted.reply_to is None:
        return None
    return _reply(accepted.reply_to.correlation_id, accepted.application_id, 200, decision)


def problem_reply(rejected: Rejected) -> OutputRecord | None:
    """The problem document for the requester, or None when it can't be told."""
    if rejected.reply_to is None:
        return None
    status, problem_type = _REPLY_STATUS[rejected.reason]
    document = ProblemDocument(
        type=problem_type.value,
        title=f"The application was put aside: {rejected.reason.value}",
        status=status,
        detail=rejected.detail,
        errors=rejected.problems,
        application_id=rejected.application_id,
    )
    reply = _reply(rejected.reply_to.correlation_id, rejected.application_id, status, encode(document))
    reply.headers.append(("content-type", PROBLEM_CONTENT_TYPE.encode()))
    return reply


def conflict_reply(accepted: Accepted) -> OutputRecord | None:
    """The problem document for a known application id with other bytes, or None when nobody waits."""
    if accepted.reply_to is None:
        return None
    document = ProblemDocument(
        type=ProblemType.IDEMPOTENCY_CONFLICT.value,
        title="The application id belongs to another body",
        status=409,
        detail="this id was used for other bytes; send the same bytes again, or choose a new id",
        application_id=accepted.application_id,
    )
    reply = _reply(accepted.reply_to.correlation_id, accepted.application_id, 409, encode(document))
    reply.headers.append(("content-type", PROBLEM_CONTENT_TYPE.encode()))
    return reply


def dead_letter(rejected: Rejected, *, attempts: int, first_seen: str) -> OutputRecord:
    """The input's bytes and headers, untouched, with why they are here.

    An input that leaves no room for that in a record is cut, and `truncated-from-bytes` says from what:
    a dead letter that the log refused would stop its partition at this input for ever.
    """
    record = rejected.record
    added = {
        headers.APPLICATION_ID: rejected.application_id,
        headers.DLQ_REASON: rejected.reason.value,
        headers.DLQ_DETAIL: rejected.detail,
        headers.DLQ_SOURCE_TOPIC: record.topic,
        headers.DLQ_SOURCE_PARTITION: str(record.partition),
        headers.DLQ_SOURCE_OFFSET: str(record.offset),
        headers.DLQ_ATTEMPTS: str(attempts),
        headers.DLQ_FIRST_SEEN: first_seen,
    }
    key, value = record.key, record.value
    written = record.all_headers or tuple(record.headers.items())
    kept = [(name, carried) for name, carried in written if name not in added]
    n_bytes = len(key or b"") + len(value or b"")
    n_bytes += sum(len(name) + len(carried or b"") for name, carried in kept)
    if n_bytes > _MAX_LETTER_BYTES:
        key = None if key is None else key[:_MAX_CUT_BYTES]
        value = None if value is None else value[: _MAX_LETTER_BYTES - _MAX_CUT_BYTES]
        kept = []
        added[headers.DLQ_TRUNCATED_FROM_BYTES] = str(n_bytes)
    return OutputRecord(
        key=key,
        value=value,
        headers=[*kept, *((name, text.encode()) for name, text in added.items())],
    )


def _reply(correlation_id: bytes, application_id: str, status: int, document: bytes) -> OutputRecord:
    return OutputRecord(
        key=correlation_id,
        value=document,
        headers=[
            (headers.CORRELATION_ID, correlation_id),
            (headers.APPLICATION_ID, application_id.encode()),
            (headers.STATUS, str(status).encode()),
            (headers.SCHEMA_VERSION, headers.SCHEMA_VERSION_1),
        ],
    )


def _carried(present: Mapping[str, bytes], *names: str) -> Headers:
    return [(name, present[name]) for name in names if name in present]
