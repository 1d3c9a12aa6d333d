"""Kafka record headers: names, byte formats and their strict readers.

The request-reply names and formats are those of Spring's `ReplyingKafkaTemplate`, so that a Java
client can call the scorer as it is. Used by the gateway, the scorer and every producer of ours.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CORRELATION_ID: Final = "kafka_correlationId"
REPLY_TOPIC: Final = "kafka_replyTopic"
REPLY_PARTITION: Final = "kafka_replyPartition"

APPLICATION_ID: Final = "application-id"
CLIENT_ID: Final = "client-id"
SUBMITTED_AT: Final = "submitted-at"
REQUEST_HASH: Final = "request-hash"
#: SHA-256, hexadecimal, of the client id and its Idempotency-Key; the key itself is never written down.
IDEMPOTENCY_KEY_HASH: Final = "idempotency-key-hash"
BATCH_ID: Final = "batch-id"
#: Of a batch made from a file: the row's number, from 0, decimal text.
BATCH_ROW: Final = "batch-row"
TRACEPARENT: Final = "traceparent"
SCHEMA_VERSION: Final = "schema-version"

#: On a reply: the HTTP status that the document stands for, decimal text.
STATUS: Final = "status"

DLQ_REASON: Final = "reason"
DLQ_DETAIL: Final = "detail"
DLQ_SOURCE_TOPIC: Final = "source-topic"
DLQ_SOURCE_PARTITION: Final = "source-partition"
DLQ_SOURCE_OFFSET: Final = "source-offset"
DLQ_ATTEMPTS: Final = "attempts"
DLQ_FIRST_SEEN: Final = "first-seen"
#: On a dead letter that had to be cut: how many bytes key, value and headers of the input had.
DLQ_TRUNCATED_FROM_BYTES: Final = "truncated-from-bytes"

#: What every record carries as `schema-version` today. A breaking change is a new topic.
SCHEMA_VERSION_1: Final = b"1"

_PARTITION = struct.Struct(">i")
_MAX_APPLICATION_ID_CHARS: Final = 64


class MalformedHeader(ValueError):
    """A header is there, but not in its declared form. The record is poison: never retried."""

    def __init__(self, name: str, mend: str) -> None:
        super().__init__(f"header {name}: {mend}")
        self.name = name


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """Where a requester waits: its opaque correlation bytes, its topic and, if it asked, its partition."""

    correlation_id: bytes
    topic: str
    partition: int | None

    def as_headers(self) -> list[tuple[str, bytes]]:
        """The three request-reply headers of a request."""
        headers = [(CORRELATION_ID, self.correlation_id), (REPLY_TOPIC, self.topic.encode())]
        if self.partition is not None:
            headers.append((REPLY_PARTITION, encode_partition(self.partition)))
        return headers


def encode_partition(partition: int) -> bytes:
    """`partition` as Spring writes it: four bytes, big-endian, signed."""
    return _PARTITION.pack(partition)


def decode_partition(raw: bytes) -> int:
    """The partition that Spring wrote; MalformedHeader unless it is four bytes and not negative."""
    if len(raw) != _PARTITION.size:
        raise MalformedHeader(REPLY_PARTITION, f"must be 4 bytes, big-endian; it has {len(raw)}")
    partition: int = _PARTITION.unpack(raw)[0]
    if partition < 0:
        raise MalformedHeader(REPLY_PARTITION, "must not be negative")
    return partition


def reply_address(headers: Mapping[str, bytes]) -> ReplyAddress | None:
    """Where to reply, or None when nobody waits.

    Nobody waits when the correlation id or the reply topic is absent: a batch or a
    fire-and-forget producer. Raises MalformedHeader for a topic or partition that can't be read.
    """
    correlation_id = headers.get(CORRELATION_ID)
    topic = headers.get(REPLY_TOPIC)
    if correlation_id is None or topic is None:
        return None
    raw_partition = headers.get(REPLY_PARTITION)
    partition = None if raw_partition is None else decode_partition(raw_partition)
    try:
        return ReplyAddress(correlation_id=correlation_id, topic=topic.decode(), partition=partition)
    except UnicodeDecodeError:
        raise MalformedHeader(REPLY_TOPIC, "must be UTF-8 text") from None


def application_id(headers: Mapping[str, bytes]) -> str | None:
    """The application id that the producer chose, or None when it left the choice to us.

    Raises MalformedHeader unless it is 1 to 64 printable ASCII characters without spaces.
    """
    raw = headers.get(APPLICATION_ID)
    if raw is None:
        return None
    text = raw.decode("ascii", errors="replace")
    is_plain = text.isascii() and text.isprintable() and " " not in text
    if not is_plain or not 1 <= len(text) <= _MAX_APPLICATION_ID_CHARS:
        raise MalformedHeader(APPLICATION_ID, "must be 1 to 64 printable ASCII characters, no spaces")
    return text
