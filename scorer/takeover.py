"""Learning what the owner before has decided, before anything new of a partition is decided.

The tail of the predictions partition is read backwards, block by block, until a whole block lies before
the committed input offset (so nothing that comes again can be missed) and the index holds the last minute
or as many records as it may.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scorer.decision_index import DecisionIndex, LoggedPrediction
from scorer.prediction_stream import PredictionStream

_BLOCK_RECORDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a tail is read at least: the last `seconds`, or `records` if that is less."""

    seconds: float = 60.0
    records: int = 20_000


async def take_over(
    stream: PredictionStream, partition: int, *, committed: int, now_ms: int, reach: Reach
) -> DecisionIndex:
    """The index of a partition that is newly owned; `committed` is the input offset that is decided up to."""
    index = DecisionIndex(reach.records)
    first, end = await stream.bounds(partition)
    blocks: list[Sequence[LoggedPrediction]] = []
    count, stop = 0, end
    while stop > first:
        start = max(first, stop - _BLOCK_RECORDS)
        block = await stream.read(partition, start, stop)
        blocks.append(block)
        count += len(block)
        stop = start
        is_far = count >= reach.records or _is_older(block, now_ms - reach.seconds * 1000)
        if is_far and all(one.source_offset < committed for one in block):
            break
    for block in reversed(blocks):
        index.record(block)
    index.next_offset = end
    return index


async def catch_up(stream: PredictionStream, partition: int, index: DecisionIndex) -> None:
    """Bring the index of a partition that stayed with this owner up to the end of its predictions."""
    _, end = await stream.bounds(partition)
    if end > index.next_offset:
        index.record(await stream.read(partition, index.next_offset, end))
        index.next_offset = end


def _is_older(block: Sequence[LoggedPrediction], moment_ms: float) -> bool:
    return bool(block) and block[0].timestamp_ms < moment_ms
