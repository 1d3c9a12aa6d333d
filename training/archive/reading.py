"""Reading the archive: each record once, file by file, so that memory holds one file's columns at a time.

Called by drift and by training. A file that a compaction has just replaced is looked for anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from training.archive.files import HOUR_MS, ArchiveFile, Piece, Place, hour_of, pieces
from training.archive.store import ArchiveStore

#: A record is in the hour of its log's clock; clocks of decision and log may differ by so much.
_CLOCKS_MS: Final = HOUR_MS

#: From a moment on, and before another or for ever.
Span = tuple[datetime, datetime | None]


def records(
    store: ArchiveStore, topics: Sequence[str], columns: Sequence[str], *, logged: Span | None = None
) -> Iterator[pa.Table]:
    """Tables of `columns`, partition by partition in the order of offsets.

    With `logged`, files whose hour cannot hold a record of `[since, until)` are left out; rows are not.
    Raises StoreUnavailable.
    """
    for topic in topics:
        for piece in _pieces(store, topic, logged):
            yield from _with_retry(store, piece, list(columns))


def records_at(
    store: ArchiveStore,
    offsets: Mapping[Place, Collection[int]],
    columns: Sequence[str],
    *,
    logged: Span | None = None,
) -> Iterator[pa.Table]:
    """As `records`, but only those at `offsets`: files without any of them are not opened."""
    for topic in sorted({place.topic for place in offsets}):
        for piece in _pieces(store, topic, logged):
            inside = range(piece.from_offset, piece.file.last + 1)
            wanted = [offset for offset in offsets.get(piece.file.place, ()) if offset in inside]
            if wanted:
                here = pc.field("offset").isin(pa.array(wanted, pa.int64()))
                for table in _with_retry(store, piece, list(dict.fromkeys([*columns, "offset"]))):
                    yield table.filter(here).select(list(columns))


def _pieces(store: ArchiveStore, topic: str, logged: Span | None) -> list[Piece]:
    found = pieces(store.files(topic))
    if logged is None:
        return found
    since, until = logged
    low = hour_of(_unix_ms(since) - _CLOCKS_MS)
    high = None if until is None else _unix_ms(until) + _CLOCKS_MS
    return [
        piece for piece in found if low <= piece.file.hour_ms and (high is None or piece.file.hour_ms <= high)
    ]


def _unix_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _with_retry(store: ArchiveStore, piece: Piece, columns: list[str]) -> Iterator[pa.Table]:
    """The piece's rows; from the file that has replaced it if it is gone."""
    file, last = piece.file, piece.file.last
    try:
        yield _rows(store, file, columns, piece.from_offset, last)
    except FileNotFoundError:
        for other in pieces(store.files(file.place.topic)):
            same = other.file.place == file.place
            if same and other.file.first <= last and other.file.last >= piece.from_offset:
                first = max(other.from_offset, piece.from_offset)
                yield _rows(store, other.file, columns, first, last)


def _rows(store: ArchiveStore, file: ArchiveFile, columns: list[str], first: int, last: int) -> pa.Table:
    wanted = list(dict.fromkeys([*columns, "offset"]))
    table = store.read(file, wanted)
    if first > file.first or last < file.last:
        table = table.filter((pc.field("offset") >= first) & (pc.field("offset") <= last))
    return table.select(columns)
