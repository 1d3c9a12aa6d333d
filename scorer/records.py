"""A Kafka record as the scorer reads and writes it, without a client's types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A record of an applications topic. `timestamp_ms` is Unix time, when the log got it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A record to be written; which topic and partition is said beside it."""

    key: bytes | None
    value: bytes | None
    headers: Headers
