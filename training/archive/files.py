"""The archive's file names, and which of its files hold which records. Pure: names in, names out.

    <topic>/date=2026-11-24/hour=13/<topic>-<partition>-<first>-<last>.parquet

`first` and `last` are the offsets that the file answers for, both included: of a partition, the
files of one writer follow each other without a hole. A compacted file and those it was made of overlap
until they are removed, and so do the files of two writers; the log never changes, so what overlaps is equal,
and `pieces` takes each offset from one file only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

_NAME: Final = re.compile(
    r"(?:^|/)date=(\d{4}-\d\d-\d\d)/hour=(\d\d)/([A-Za-z0-9._-]+)-(\d{5})-(\d{20})-(\d{20})\.parquet$"
)
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, order=True)
class ArchiveFile:
    """One file: the offsets `first` … `last` of a partition, all written in the hour `hour_ms` (UTC)."""

    place: Place
    first: int
    last: int
    hour_ms: int

    @property
    def path(self) -> str:
        """Where it is in the store."""
        hour = datetime.fromtimestamp(self.hour_ms / 1000, UTC)
        topic, partition = self.place.topic, self.place.partition
        name = f"{topic}-{partition:05d}-{self.first:020d}-{self.last:020d}.parquet"
        return f"{topic}/date={hour:%Y-%m-%d}/hour={hour:%H}/{name}"


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be read of a file: its records with an offset of `from_offset` or more."""

    file: ArchiveFile
    from_offset: int

    @property
    def is_whole(self) -> bool:
        """Whether that is all of it."""
        return self.from_offset <= self.file.first


def parse(path: str) -> ArchiveFile | None:
    """The file that `path` names, or None when it is none of the archive's."""
    found = _NAME.search(path)
    if found is None:
        return None
    date, hour, topic, partition, first, last = found.groups()
    try:
        at = datetime.fromisoformat(f"{date}T{hour}:00:00+00:00")
    except ValueError:
        return None
    if int(first) > int(last):
        return None
    return ArchiveFile(Place(topic, int(partition)), int(first), int(last), round(at.timestamp() * 1000))


def hour_of(timestamp_ms: int) -> int:
    """The beginning of the hour that a moment lies in."""
    return timestamp_ms - timestamp_ms % HOUR_MS


def next_offsets(files: Iterable[ArchiveFile]) -> dict[Place, int]:
    """Per partition the offset after the last that is archived."""
    following: dict[Place, int] = {}
    for file in files:
        following[file.place] = max(following.get(file.place, 0), file.last + 1)
    return following


def pieces(files: Iterable[ArchiveFile]) -> list[Piece]:
    """What to read so that every archived offset is met once.

    Of files that overlap the one that begins first is taken, the longer of two that begin together; of
    the next only what goes beyond it.
    """
    taken: list[Piece] = []
    for _, of_place in groupby(sorted(files, key=lambda one: (one.place, one.first, -one.last)), _place_of):
        covered_to = -1
        for file in of_place:
            if file.last > covered_to:
                taken.append(Piece(file, max(file.first, covered_to + 1)))
                covered_to = file.last
    return taken


def holes(files: Iterable[ArchiveFile]) -> Iterator[tuple[Place, int, int]]:
    """Offsets between files that no file answers for, `(place, first, last)`."""
    for place, of_place in groupby((piece.file for piece in pieces(files)), _place_of):
        before: ArchiveFile | None = None
        for file in of_place:
            if before is not None and file.first > before.last + 1:
                yield place, before.last + 1, file.first - 1
            before = file


def _place_of(file: ArchiveFile) -> Place:
    return file.place
