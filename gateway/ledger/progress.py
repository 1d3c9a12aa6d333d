"""How far the log is in the tables, by partition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


class LogPartition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Progress:
    """The offsets [first_offset, next_offset) of a partition are in the tables.

    `newest_ms` is the latest timestamp among them, see `Position`; `gaps` how many of them held no
    record; `repeats` how many were of an application that had a record already.
    """

    first_offset: int
    next_offset: int
    newest_ms: int = 0
    gaps: int = 0
    repeats: int = 0

    @property
    def distinct(self) -> int:
        """Applications that the offsets hold, by counting offsets instead of rows."""
        return self.next_offset - self.first_offset - self.gaps - self.repeats

    def after(self, offset: int, at_ms: int) -> Progress:
        """The progress once the record at `offset` is in."""
        return replace(
            self,
            next_offset=offset + 1,
            newest_ms=max(self.newest_ms, at_ms),
            gaps=self.gaps + offset - self.next_offset,
        )


@dataclass(frozen=True, slots=True)
class Move:
    """A step of one transaction in a partition: it holds only if `before` is what is stored."""

    before: Progress
    after: Progress
