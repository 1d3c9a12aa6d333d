"""A Kafka record as the scorer reads and writes it, without a client's types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A record of an applications topic. `timestamp_ms` is Unix time, when the log got it.

    `headers` has the last value of each name; `all_headers` is what was written, names that occur twice
    and those without a value included.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    timestamp_ms: int
    all_headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A record to be written; which topic and partition is said beside it."""

    key: bytes | None
    value: bytes | None
    headers: Headers
