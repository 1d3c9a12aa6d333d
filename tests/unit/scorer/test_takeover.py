"""What a new owner reads before it decides anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from scorer.decision_index import DecisionIndex, LoggedPrediction
from scorer.takeover import Reach, catch_up, take_over

pytestmark = pytest.mark.anyio

HASH = "0" * 64
NOW_MS = 10_000_000


class Stream:
    """A predictions partition in memory; notes which ranges were read."""

    def __init__(self, predictions: Sequence[LoggedPrediction], first: int = 0) -> None:
        self.predictions = predictions
        self.first = first
        self.read_ranges: list[tuple[int, int]] = []

    async def bounds(self, partition: int) -> tuple[int, int]:
        return self.first, self.first + len(self.predictions)

    async def read(self, partition: int, start: int, stop: int) -> Sequence[LoggedPrediction]:
        self.read_ranges.append((start, stop))
        return [one for one in self.predictions if start <= one.offset < stop]

    async def decisions_at(self, partition: int, offsets: Collection[int]) -> dict[int, bytes]:
        raise NotImplementedError


def old(count: int, *, first: int = 0, source: int | None = None) -> list[LoggedPrediction]:
    """Predictions of inputs 10 ms apart, each of the input at its own offset, or all of one input."""
    return [
        LoggedPrediction(offset, 10 * offset, f"id-{offset}", HASH, offset if source is None else source)
        for offset in range(first, first + count)
    ]


async def test_an_empty_partition_gives_an_empty_index() -> None:
    index = await take_over(Stream([]), 0, committed=0, reach=Reach())
    assert len(index) == 0
    assert index.next_offset == 0


async def test_all_that_lies_behind_the_committed_input_is_found_however_long_it_is() -> None:
    stream = Stream(old(5_000))
    index = await take_over(stream, 0, committed=500, reach=Reach(seconds=1, records=10_000))
    assert all(index.find(f"id-{offset}") is not None for offset in range(500, 5_000))
    assert index.next_offset == 5_000


async def test_reading_ends_once_a_whole_block_lies_before_the_committed_input() -> None:
    stream = Stream(old(20_000))
    await take_over(stream, 0, committed=20_000, reach=Reach(seconds=1, records=20_000))
    assert stream.read_ranges == [(19_000, 20_000), (18_000, 19_000)]


async def test_a_copy_that_waited_out_an_outage_finds_its_original_however_long_that_was() -> None:
    # Found by the simulator: decided a moment before everything died, and the copy right behind it in the
    # log. By the clock the original was too old to be read when somebody was there again.
    lone = LoggedPrediction(0, 1_000, "copied", HASH, 0)
    later = [LoggedPrediction(offset, 1_000 + offset, f"id-{offset}", HASH, offset) for offset in range(1, 9)]
    index = await take_over(
        Stream([lone, *later]), 0, committed=9, reach=Reach(seconds=60, records=20_000, block=2)
    )
    assert index.find("copied") is not None


async def test_the_minute_ends_at_the_committed_input_and_not_at_the_last_that_was_decided() -> None:
    # Found by the simulator: the copy came again, and what was decided behind it made its original look old.
    lone = LoggedPrediction(0, 1_000, "copied", HASH, 0)
    between = [LoggedPrediction(offset, 2_000, f"id-{offset}", HASH, offset) for offset in range(1, 5)]
    behind = [LoggedPrediction(offset, 99_000, f"id-{offset}", HASH, offset + 1) for offset in range(5, 9)]
    index = await take_over(
        Stream([lone, *between, *behind]), 0, committed=5, reach=Reach(seconds=60, records=20_000, block=2)
    )
    assert index.find("copied") is not None


async def test_a_late_record_of_a_zombie_does_not_end_the_reading() -> None:
    young = [LoggedPrediction(offset, 100_000 + offset, f"id-{offset}", HASH, offset) for offset in range(8)]
    late = LoggedPrediction(8, 0, "late", HASH, 0)
    index = await take_over(
        Stream([*young, late]), 0, committed=8, reach=Reach(seconds=60, records=20_000, block=2)
    )
    assert len(index) == 9


async def test_what_comes_again_is_known_though_it_is_more_than_an_index_holds_otherwise() -> None:
    index = await take_over(Stream(old(3_000)), 0, committed=0, reach=Reach(seconds=1, records=500))
    assert all(index.find(f"id-{offset}") is not None for offset in range(3_000))


async def test_the_last_minute_is_read_even_when_everything_is_committed() -> None:
    young = [
        LoggedPrediction(offset, NOW_MS - 1_000, f"id-{offset}", HASH, offset) for offset in range(3_000)
    ]
    stream = Stream(young)
    index = await take_over(stream, 0, committed=3_000, reach=Reach(seconds=60, records=20_000))
    assert len(index) == 3_000


async def test_no_more_than_the_index_may_hold_is_read_for_its_age_alone() -> None:
    young = [LoggedPrediction(offset, NOW_MS, f"id-{offset}", HASH, offset) for offset in range(9_000)]
    stream = Stream(young)
    await take_over(stream, 0, committed=9_000, reach=Reach(seconds=60, records=2_000))
    assert len(stream.read_ranges) == 2


async def test_a_tail_whose_beginning_retention_took_is_read_as_far_as_it_is_there() -> None:
    stream = Stream(old(10, first=700, source=9), first=700)
    index = await take_over(stream, 0, committed=0, reach=Reach())
    assert len(index) == 10
    assert index.next_offset == 710


async def test_a_partition_that_stayed_is_only_caught_up_with() -> None:
    stream = Stream(old(30))
    index = DecisionIndex(100)
    index.record(old(20))
    await catch_up(stream, 0, index)
    assert stream.read_ranges == [(20, 30)]
    assert index.next_offset == 30
    await catch_up(stream, 0, index)
    assert stream.read_ranges == [(20, 30)]
