"""Few large files of many small ones: `scorestream archive compact`, now and then, beside the writer.

The merged file is there before its sources go. Killed in between, both are, which readers of `read` don't
notice and the next compaction clears up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from training.archive.files import Piece
from training.archive.lock import only_one
from training.archive.plan import Compaction, compactions
from training.archive.store import ArchiveStore

_TARGET_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Compacted:
    """How many files were merged into how many, and how many were removed because others cover them."""

    merged: int = 0
    into: int = 0
    removed: int = 0


def compact(
    store: ArchiveStore,
    topics: tuple[str, ...],
    *,
    now_ms: int | None = None,
    target_bytes: int = _TARGET_BYTES,
    said: Callable[[int, int], None] = lambda *_: None,
) -> Compacted:
    """Compact the hours that are over; `said` is told how many steps of how many are done.

    Raises StoreUnavailable, AlreadyRunning.
    """
    moment = now_ms or time.time_ns() // 1_000_000
    merged = into = removed = 0
    with only_one(store, "compaction"):
        steps: list[Compaction] = []
        for topic in topics:
            sizes = store.sizes(topic)
            steps += compactions(sizes, sizes, now_ms=moment, target_bytes=target_bytes)
        for number, step in enumerate(steps, 1):
            _carry_out(store, step)
            merged += len(step.sources)
            into += step.merged is not None
            removed += len(step.removed) - len(step.sources)
            said(number, len(steps))
    return Compacted(merged, into, removed)


def _carry_out(store: ArchiveStore, step: Compaction) -> None:
    if step.merged is not None:
        store.write(step.merged, pa.concat_tables([_read(store, piece) for piece in step.sources]))
    for file in step.removed:
        store.remove(file)


def _read(store: ArchiveStore, piece: Piece) -> pa.Table:
    table = store.read(piece.file)
    if piece.is_whole:
        return table
    return table.filter(pc.field("offset") >= piece.from_offset)
