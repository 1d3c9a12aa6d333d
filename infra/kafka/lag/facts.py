"""What is waiting in the log, as facts: offsets in, lags and ages out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.lanes import Lane


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Span:
    """The offsets of a partition that are still there: first ≤ offset < end."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Behind:
    """How far a group is behind in a partition; `committed` is None where it never committed."""

    span: Span
    committed: int | None

    @property
    def next_offset(self) -> int:
        """The first record that is there and not done."""
        return self.span.first if self.committed is None else max(self.span.first, self.committed)

    @property
    def records(self) -> int:
        """Records that are there and not done."""
        return max(0, self.span.end - self.next_offset)

    @property
    def overtaken(self) -> int:
        """Records that retention removed before the group was done with them."""
        return 0 if self.committed is None else max(0, self.span.first - self.committed)


@dataclass(frozen=True, slots=True)
class LogState:
    """One look at Kafka. `oldest_ms` is the timestamp of each lane's oldest record that is not done."""

    spans: Mapping[Place, Span] = field(default_factory=dict)
    behind: Mapping[tuple[str, Place], Behind] = field(default_factory=dict)
    oldest_ms: Mapping[Lane, int | None] = field(default_factory=dict)


def behind_by_place(
    spans: Mapping[Place, Span], committed: Mapping[Place, int], *, must_cover: str | None
) -> dict[Place, Behind]:
    """How far a group is behind where it committed, and in every partition of the topic it must cover.

    A lane's worker reads all of its topic: a partition without a commit is wholly undone. Another group's
    topics are only known by its commits. A topic that was deleted since is left out.
    """
    places = {place for place, offset in committed.items() if offset >= 0}
    places |= {place for place in spans if place.topic == must_cover}
    found: dict[Place, Behind] = {}
    for place in sorted(places & spans.keys()):
        offset = committed.get(place, -1)
        found[place] = Behind(spans[place], offset if offset >= 0 else None)
    return found
