"""From a Kafka record to the fact in it. Pure; no client's types, no clock.

Whatever the bytes are, this ends in a fact that the database can hold, in None (a dead letter of
the other lane) or in UnreadableRecord. A record must not be able to stop the ledger: text is cut
to size and freed of NUL, numbers must fit into 64 bits.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from contracts import headers
from contracts.events import decode_scored
from contracts.headers import MalformedHeader
from contracts.identity import application_id_for_record
from gateway.ledger.errors import UnreadableRecord
from gateway.ledger.facts import Accepted, Dead, Decided, Fact, Position
from gateway.ledger.topics import LaneTopics

_INT64_MAX: Final = 2**63 - 1
#: 9999-12-31: what a date can be made of. Kafka's own bounds are narrower by default.
_LATEST_MS: Final = 253_402_214_400_000
_MAX_CLIENT_CHARS: Final = 255
_MAX_DETAIL_CHARS: Final = 2_000
_DIGITS: Final = re.compile(rb"[0-9]{1,19}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class LogRecord(Protocol):
    """A record as any client gives it; `timestamp` is Unix time in milliseconds."""

    @property
    def topic(self) -> str: ...  # noqa: D102 - Kafka's own words
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102


def read_record(record: LogRecord, position: Position, topics: LaneTopics) -> Fact | None:
    """The fact in `record`; None for another lane's dead letter. Raises UnreadableRecord."""
    present = dict(record.headers)
    if record.topic == topics.applications:
        return _accepted(record, position, present)
    if record.topic == topics.predictions:
        return _decided(record, position, present)
    if present.get(headers.DLQ_SOURCE_TOPIC, b"") != topics.applications.encode():
        return None
    return _dead(record, position, present)


def at_ms(record: LogRecord) -> int:
    """The record's timestamp, within what a date can be; 0 when it has none."""
    return min(max(record.timestamp, 0), _LATEST_MS)


def _accepted(record: LogRecord, position: Position, present: Mapping[str, bytes]) -> Accepted:
    key_hash = _text(present.get(headers.IDEMPOTENCY_KEY_HASH)) or ""
    return Accepted(
        application_id=_id_of(present, record.topic, record.partition, record.offset),
        position=position,
        at_ms=at_ms(record),
        client_id=_text(present.get(headers.CLIENT_ID)),
        applicant_id=_number(record.key),
        batch_id=_text(present.get(headers.BATCH_ID)),
        # Not the header of this name: the hash decides about 409, so it is taken from the bytes.
        request_hash=None if record.value is None else hashlib.sha256(record.value).hexdigest(),
        key_hash=key_hash if _SHA256.fullmatch(key_hash) else None,
    )


def _decided(record: LogRecord, position: Position, present: Mapping[str, bytes]) -> Decided:
    try:
        scored = decode_scored(record.value or b"")
    except msgspec.MsgspecError as error:
        raise UnreadableRecord(f"a prediction can't be read: {error}") from error
    source = scored.source
    if not _is_id(scored.application_id) or not all(
        0 <= number <= _INT64_MAX for number in (source.partition, source.offset)
    ):
        raise UnreadableRecord("a prediction names no application or no source")
    return Decided(
        application_id=scored.application_id,
        position=position,
        at_ms=at_ms(record),
        client_id=_text(present.get(headers.CLIENT_ID)),
        applicant_id=_number(record.key),
        batch_id=_text(present.get(headers.BATCH_ID)),
        request_hash=scored.request_hash if _SHA256.fullmatch(scored.request_hash) else None,
        decision=bytes(scored.decision),
        source_partition=source.partition,
        source_offset=source.offset,
    )


def _dead(record: LogRecord, position: Position, present: Mapping[str, bytes]) -> Dead:
    partition = _number(present.get(headers.DLQ_SOURCE_PARTITION))
    offset = _number(present.get(headers.DLQ_SOURCE_OFFSET))
    if partition is None or offset is None:
        raise UnreadableRecord("a dead letter names no source partition and offset")
    source_topic = present[headers.DLQ_SOURCE_TOPIC].decode()
    return Dead(
        application_id=_id_of(present, source_topic, partition, offset),
        position=position,
        at_ms=at_ms(record),
        client_id=_text(present.get(headers.CLIENT_ID)),
        applicant_id=_number(record.key),
        batch_id=_text(present.get(headers.BATCH_ID)),
        request_hash=None if record.value is None else hashlib.sha256(record.value).hexdigest(),
        reason=_text(present.get(headers.DLQ_REASON)) or "UNKNOWN",
        detail=_text(present.get(headers.DLQ_DETAIL), limit=_MAX_DETAIL_CHARS) or "",
        attempts=_number(present.get(headers.DLQ_ATTEMPTS)) or 1,
        source_partition=partition,
        source_offset=offset,
    )


def _id_of(present: Mapping[str, bytes], topic: str, partition: int, offset: int) -> str:
    """The producer's id, or the one the scorer derives when there is none or it is malformed."""
    try:
        chosen = headers.application_id(present)
    except MalformedHeader:
        chosen = None
    return chosen or application_id_for_record(topic, partition, offset)


def _is_id(text: str) -> bool:
    try:
        return headers.application_id({headers.APPLICATION_ID: text.encode("utf-8", "replace")}) is not None
    except MalformedHeader:
        return False


def _text(raw: bytes | None, *, limit: int = _MAX_CLIENT_CHARS) -> str | None:
    if raw is None:
        return None
    return raw.decode("utf-8", "replace").replace("\x00", "\ufffd")[:limit]


def _number(raw: bytes | None) -> int | None:
    if raw is None or not _DIGITS.fullmatch(raw):
        return None
    number = int(raw)
    return number if number <= _INT64_MAX else None
