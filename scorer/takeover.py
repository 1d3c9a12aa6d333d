"""Learning what the owner before has decided, before anything new of a partition is decided.

The tail of the predictions partition is read backwards, block by block, until a whole block lies before
the committed input offset (so nothing that comes again can be missed) and the index holds the last minute
or as many records as it may.

The minute is one of the applications topic and ends at the committed offset, as well as the predictions
tell. Minutes of the clock would not do: after an outage the copies of an application stand in the log right
behind it, and it was decided long before its copies are.
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
    """How far back a tail is read at least: the last `seconds` of applications, or `records` if that is less.

    `block` is how many records are read at once.
    """

    seconds: float = 60.0
    records: int = 20_000
    block: int = _BLOCK_RECORDS


async def take_over(
    stream: PredictionStream, partition: int, *, committed: int, reach: Reach
) -> DecisionIndex:
    """The index of a partition that is newly owned; `committed` is the input offset that is decided up to."""
    first, end = await stream.bounds(partition)
    blocks: list[Sequence[LoggedPrediction]] = []
    count, stop, committed_ms = 0, end, 0
    while stop > first:
        start = max(first, stop - reach.block)
        block = await stream.read(partition, start, stop)
        blocks.append(block)
        count += len(block)
        stop = start
        settled = [one.timestamp_ms for one in block if one.source_offset < committed]
        committed_ms = max([committed_ms, *settled])
        is_far = count >= reach.records or _is_older(block, committed_ms - reach.seconds * 1000)
        if is_far and all(one.source_offset < committed for one in block):
            break
    # All of what comes again must fit, however many that are.
    index = DecisionIndex(max(reach.records, count))
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
    return all(one.timestamp_ms < moment_ms for one in block)
