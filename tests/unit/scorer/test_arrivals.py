from __future__ import annotations

import asyncio

import pytest

from scorer.arrivals import Arrivals
from scorer.records import InputRecord
from tests.unit.scorer.arriving import record

pytestmark = pytest.mark.anyio

#: Long enough that a test which waited for it would be noticed.
LONG_S = 600.0


def records(*offsets: int) -> list[InputRecord]:
    return [record(offset) for offset in offsets]


async def taken(arrivals: Arrivals) -> list[int]:
    return [one.record.offset for one in await arrivals.take()]


async def test_a_record_that_comes_alone_does_not_wait_for_company() -> None:
    arrivals = Arrivals(64, company_s=LONG_S)
    await arrivals.put(1, records(0))
    assert await taken(arrivals) == [0]


async def test_what_came_while_a_batch_was_at_work_is_taken_together_and_in_order() -> None:
    arrivals = Arrivals(64, company_s=LONG_S)
    await arrivals.put(1, records(0, 1))
    await arrivals.put(1, records(2))
    assert await taken(arrivals) == [0, 1, 2]


async def test_a_batch_has_no_more_than_it_may_and_the_rest_is_the_next_one() -> None:
    arrivals = Arrivals(3, company_s=0.001)
    await arrivals.put(1, records(0, 1, 2, 3))
    assert await taken(arrivals) == [0, 1, 2]
    assert await taken(arrivals) == [3]


async def test_under_load_the_next_batch_waits_until_it_is_full_or_the_time_is_over() -> None:
    arrivals = Arrivals(3, company_s=LONG_S)
    await arrivals.put(1, records(0, 1))
    assert await taken(arrivals) == [0, 1]
    await arrivals.put(1, records(2))
    taking = asyncio.create_task(taken(arrivals))
    await asyncio.sleep(0)
    assert not taking.done()
    await arrivals.put(1, records(3, 4))
    assert await taking == [2, 3, 4]


async def test_a_full_house_holds_up_who_brings_more() -> None:
    arrivals = Arrivals(2, company_s=LONG_S)
    await arrivals.put(1, records(0, 1))
    putting = asyncio.create_task(arrivals.put(1, records(2)))
    await asyncio.sleep(0)
    assert not putting.done()
    assert await taken(arrivals) == [0, 1]
    await putting
    assert len(arrivals) == 1


async def test_a_record_keeps_the_generation_it_was_fetched_in() -> None:
    arrivals = Arrivals(2, company_s=LONG_S)
    await arrivals.put(7, records(0))
    assert [one.generation for one in await arrivals.take()] == [7]


async def test_what_was_forgotten_at_a_rebalance_is_not_taken_and_makes_room() -> None:
    arrivals = Arrivals(2, company_s=LONG_S)
    await arrivals.put(1, records(0, 1))
    arrivals.clear()
    await arrivals.put(2, records(5))
    assert await taken(arrivals) == [5]


async def test_who_waits_for_company_when_all_is_forgotten_goes_on_waiting_for_a_record() -> None:
    arrivals = Arrivals(3, company_s=0.001)
    await arrivals.put(1, records(0, 1))
    await taken(arrivals)
    await arrivals.put(1, records(2))
    taking = asyncio.create_task(taken(arrivals))
    await asyncio.sleep(0)
    arrivals.clear()
    await asyncio.sleep(0)
    await arrivals.put(2, records(7))
    assert await taking == [7]
