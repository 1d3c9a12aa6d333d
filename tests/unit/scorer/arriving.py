"""Records as they come to a scorer."""

from __future__ import annotations

import json

from contracts import headers
from contracts.application import example
from scorer.intake import Accepted, Rejected, take_in
from scorer.records import InputRecord

REPLY_TOPICS = frozenset({"replies"})
MAX_BYTES = 65_536


def body(applicant: int = 100_002, **changes: object) -> bytes:
    """A good application."""
    return json.dumps({**json.loads(example("minimal")), "SK_ID_CURR": applicant, **changes}).encode()


def asking(
    correlation: bytes = b"c" * 16, topic: str = "replies", partition: int | None = 2
) -> dict[str, bytes]:
    """The headers of somebody who waits for a reply."""
    return dict(headers.ReplyAddress(correlation, topic, partition).as_headers())


def record(
    offset: int = 0,
    *,
    partition: int = 1,
    value: bytes | None = b"good",
    key: bytes | None = b"100002",
    headers: dict[str, bytes] | None = None,
) -> InputRecord:
    """A record of the sync lane; its value is a good application unless another is given."""
    value = body() if value == b"good" else value
    return InputRecord("applications", partition, offset, key, value, headers or {}, timestamp_ms=1_000)


def taken(arrived: InputRecord, *, max_value_bytes: int = MAX_BYTES) -> Accepted | Rejected:
    """What the intake makes of a record."""
    return take_in(arrived, reply_topics=REPLY_TOPICS, max_value_bytes=max_value_bytes)


def accepted(arrived: InputRecord) -> Accepted:
    """The same, for one that must be accepted."""
    finding = taken(arrived)
    assert isinstance(finding, Accepted), finding
    return finding


def rejected(arrived: InputRecord, **limits: int) -> Rejected:
    """The same, for one that must be rejected."""
    finding = taken(arrived, **limits)
    assert isinstance(finding, Rejected)
    return finding
