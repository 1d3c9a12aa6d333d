"""Whether an input record can be decided: pure, one record in, one finding out.

Called by the lane worker for every record of a micro-batch. Knows headers and the application's
contract; knows no client, no clock and no model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from contracts import headers
from contracts.application import Application, decode_logged
from contracts.errors import DeadLetterReason
from contracts.headers import MalformedHeader, ReplyAddress
from contracts.identity import application_id_for_record
from contracts.problems import FieldProblem, InvalidApplication
from scorer.records import InputRecord

#: A list of problems is cut here in the header `detail`; the error reply has them all.
_MAX_DETAIL_CHARS: Final = 1_000
#: Headers of an input that its prediction carries on.
CARRIED: Final = (headers.CLIENT_ID, headers.BATCH_ID, headers.BATCH_ROW, headers.TRACEPARENT)
_MAX_CARRIED_BYTES: Final = 1_024


#: Partition and application id: a producer may use an id in two partitions, by mistake, and it is two then.
Identity = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record that can be decided. `request_hash` is the SHA-256 of its value, hexadecimal."""

    record: InputRecord
    application_id: str
    reply_to: ReplyAddress | None
    application: Application
    unseen_categories: tuple[str, ...]
    request_hash: str

    @property
    def identity(self) -> Identity:
        """What tells it from every other application of the lane."""
        return self.record.partition, self.application_id


@dataclass(frozen=True, slots=True)
class Rejected:
    """Poison: it goes to the dead letters, and to whoever can be told."""

    record: InputRecord
    application_id: str
    reply_to: ReplyAddress | None
    reason: DeadLetterReason
    detail: str
    problems: tuple[FieldProblem, ...] = ()


class _Poison(Exception):
    def __init__(
        self, reason: DeadLetterReason, detail: str, problems: tuple[FieldProblem, ...] = ()
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.problems = problems


def take_in(record: InputRecord, *, reply_topics: Set[str], max_value_bytes: int) -> Accepted | Rejected:
    """What `record` is. Never raises, whatever the bytes are.

    A rejected record has a reply address only when its own reply headers are in order and allowed:
    an answer is never sent to a place that a poisoned header names.
    """
    reply_to: ReplyAddress | None = None
    try:
        reply_to = _allowed(headers.reply_address(record.headers), reply_topics)
        application_id = headers.application_id(record.headers) or _derived_id(record)
        _check_carried(record)
        value = _checked_value(record, max_value_bytes)
        logged = decode_logged(value)
    except MalformedHeader as error:
        reason = DeadLetterReason.MALFORMED_HEADER
        return Rejected(record, application_id_of(record), reply_to, reason, str(error))
    except _Poison as poison:
        found = application_id_of(record)
        return Rejected(record, found, reply_to, poison.reason, poison.detail, poison.problems)
    except InvalidApplication as invalid:
        reason, detail = _describe(invalid.problems)
        return Rejected(record, application_id, reply_to, reason, detail, invalid.problems)
    return Accepted(
        record=record,
        application_id=application_id,
        reply_to=reply_to,
        application=logged.application,
        unseen_categories=logged.unseen,
        request_hash=hashlib.sha256(value).hexdigest(),
    )


def application_id_of(record: InputRecord) -> str:
    """The id that `take_in` would give the record, without reading its value."""
    try:
        return headers.application_id(record.headers) or _derived_id(record)
    except MalformedHeader:
        return _derived_id(record)


def _derived_id(record: InputRecord) -> str:
    return application_id_for_record(record.topic, record.partition, record.offset)


def _allowed(address: ReplyAddress | None, reply_topics: Set[str]) -> ReplyAddress | None:
    if address is not None and address.topic not in reply_topics:
        raise _Poison(
            DeadLetterReason.REPLY_TOPIC_NOT_ALLOWED,
            f"header {headers.REPLY_TOPIC}: not on the scorer's list; allowed: "
            f"{', '.join(sorted(reply_topics))}",
        )
    return address


def _check_carried(record: InputRecord) -> None:
    # They go on into the prediction, which must fit in a record whatever a producer writes.
    for name in CARRIED:
        if len(record.headers.get(name, b"")) > _MAX_CARRIED_BYTES:
            raise MalformedHeader(name, f"at most {_MAX_CARRIED_BYTES} bytes")


def _checked_value(record: InputRecord, max_value_bytes: int) -> bytes:
    if not record.key:
        raise _Poison(
            DeadLetterReason.NO_KEY, "the record has no key; it must be the applicant id, decimal text"
        )
    if record.value is None:
        raise _Poison(
            DeadLetterReason.UNDECODABLE, "the record has no value; it must be the application's JSON"
        )
    if len(record.value) > max_value_bytes:
        raise _Poison(
            DeadLetterReason.TOO_LARGE, f"the value has {len(record.value)} bytes; at most {max_value_bytes}"
        )
    return record.value


def _describe(problems: tuple[FieldProblem, ...]) -> tuple[DeadLetterReason, str]:
    is_not_json = any(problem.code == "malformed" for problem in problems)
    detail = "; ".join(f"{problem.field or 'body'}: {problem.detail}" for problem in problems)
    if len(detail) > _MAX_DETAIL_CHARS:
        detail = f"{detail[:_MAX_DETAIL_CHARS]}… ({len(problems)} problems)"
    return (DeadLetterReason.UNDECODABLE if is_not_json else DeadLetterReason.INVALID), detail
