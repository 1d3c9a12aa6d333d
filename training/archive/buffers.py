"""Records that wait for their file, by partition, and when they have waited enough. Pure but for a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from training.archive.files import Place
from training.archive.rows import LoggedRecord


@dataclass(frozen=True, slots=True)
class Limits:
    """When a buffer becomes a file."""

    max_age_s: float
    max_records: int
    max_bytes: int


@dataclass(slots=True)
class Buffer:
    """Records of one partition in order; `next_offset` is the first that no file answers for."""

    next_offset: int
    records: list[LoggedRecord] = field(default_factory=list)
    size: int = 0
    since: float = 0.0

    @property
    def expected(self) -> int:
        """The offset that the next record should have."""
        return self.records[-1].offset + 1 if self.records else self.next_offset


class Buffers:
    """What waits, of all partitions."""

    def __init__(self, limits: Limits, *, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._of: dict[Place, Buffer] = {}

    def begin(self, place: Place, next_offset: int) -> None:
        """Expect the partition's records from `next_offset` on, unless it is known already."""
        self._of.setdefault(place, Buffer(next_offset))

    def buffer(self, place: Place) -> Buffer:
        """The partition's buffer."""
        return self._of[place]

    def expected(self) -> dict[Place, int]:
        """Per partition the offset that its next record should have."""
        return {place: buffer.expected for place, buffer in self._of.items()}

    def add(self, place: Place, record: LoggedRecord) -> None:
        """Let the record wait; one that is here or in a file already is passed over."""
        buffer = self._of[place]
        if record.offset < buffer.expected:
            return
        if not buffer.records:
            buffer.since = self._now()
        buffer.records.append(record)
        buffer.size += len(record.value)

    def due(self) -> list[Place]:
        """Partitions whose records should be in a file now; all of them when too much waits together."""
        waiting = {place: buffer for place, buffer in self._of.items() if buffer.records}
        if sum(buffer.size for buffer in waiting.values()) >= self._limits.max_bytes:
            return list(waiting)
        oldest = self._now() - self._limits.max_age_s
        return [
            place
            for place, buffer in waiting.items()
            if buffer.since <= oldest or len(buffer.records) >= self._limits.max_records
        ]

    def waiting(self) -> list[Place]:
        """Partitions of which anything waits."""
        return [place for place, buffer in self._of.items() if buffer.records]

    def written(self, place: Place, count: int, next_offset: int) -> None:
        """The first `count` records are in a file, which answers for all before `next_offset`."""
        buffer = self._of[place]
        del buffer.records[:count]
        buffer.size = sum(len(record.value) for record in buffer.records)
        buffer.next_offset = next_offset

    def oldest_waiting_s(self) -> float:
        """Age of the oldest record that waits; 0 when none does."""
        started = [buffer.since for buffer in list(self._of.values()) if buffer.records]
        return self._now() - min(started) if started else 0.0
