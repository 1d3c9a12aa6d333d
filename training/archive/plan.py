"""What to write as which file, and what to compact. Pure: offsets and times in, plans out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from training.archive.files import HOUR_MS, ArchiveFile, Piece, Place, hour_of, pieces

#: After the end of an hour, how long the writer may still add to it.
CLOSED_AFTER_MS: Final = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Run:
    """Records `start` … `stop - 1` of a buffer, and the file that they become."""

    start: int
    stop: int
    file: ArchiveFile


def runs(place: Place, next_offset: int, written: Sequence[tuple[int, int]]) -> list[Run]:
    """The files of buffered records, given as `(offset, timestamp_ms)` in order: one per hour in a row.

    The first file begins at `next_offset`, each next one where its predecessor ends, so that an offset
    without a record (a transaction's marker) belongs to the file of the record after it.
    """
    planned: list[Run] = []
    start, first = 0, next_offset
    for hour_ms, group in groupby(written, lambda record: hour_of(record[1])):
        records = list(group)
        last = records[-1][0]
        planned.append(Run(start, start + len(records), ArchiveFile(place, first, last, hour_ms)))
        start, first = start + len(records), last + 1
    return planned


@dataclass(frozen=True, slots=True)
class Compaction:
    """Files that become one, and files that nobody needs: the second are removed once the first are one."""

    merged: ArchiveFile | None
    sources: tuple[Piece, ...]
    removed: tuple[ArchiveFile, ...]


def compactions(
    files: Iterable[ArchiveFile], sizes: dict[ArchiveFile, int], *, now_ms: int, target_bytes: int
) -> list[Compaction]:
    """What makes few large files of many small ones, in hours that are over.

    Only neighbours are merged, whose offsets follow each other: a merged file must not answer for records
    that lie in another hour's file. Files that others cover are removed; one that is covered in part is
    written anew without that part, by itself or merged.
    """
    known = list(files)
    closed = {file for file in known if file.hour_ms + HOUR_MS + CLOSED_AFTER_MS <= now_ms}
    read = pieces(known)
    needed = {piece.file for piece in read}
    covered = tuple(file for file in known if file not in needed and file in closed)
    planned = [Compaction(None, (), (file,)) for file in covered]
    group: list[Piece] = []
    for piece in read:
        if group and not (_follows(group[-1], piece) and _fits(group, piece, sizes, target_bytes)):
            planned += _merge(group)
            group = []
        if piece.file in closed:
            group.append(piece)
    return planned + _merge(group)


def _follows(before: Piece, after: Piece) -> bool:
    one, other = before.file, after.file
    same = one.place == other.place and one.hour_ms == other.hour_ms
    return same and after.from_offset == one.last + 1


def _fits(group: Sequence[Piece], piece: Piece, sizes: dict[ArchiveFile, int], target_bytes: int) -> bool:
    return sum(sizes[one.file] for one in (*group, piece)) <= target_bytes


def _merge(group: Sequence[Piece]) -> list[Compaction]:
    if not group or (len(group) == 1 and group[0].is_whole):
        return []
    first, last = group[0], group[-1]
    merged = ArchiveFile(first.file.place, first.from_offset, last.file.last, first.file.hour_ms)
    return [Compaction(merged, tuple(group), tuple(piece.file for piece in group))]
