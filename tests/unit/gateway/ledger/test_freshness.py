"""A ledger says that something is unknown, or how late it is, only by offsets it has passed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import pytest

from gateway.ledger.errors import Behind, LogUnavailable
from gateway.ledger.freshness import Freshness
from gateway.ledger.progress import LogPartition, Progress

HERE = LogPartition("applications", 0)


class Facts:
    """A log, a writer and tables whose offsets the test sets; counts how often the log was asked."""

    def __init__(self, end: int, read: int) -> None:
        self.end = end
        self.read = read
        self.looks = 0
        self.is_log_away = False
        self.hurried = 0
        self._step: asyncio.Future[None] | None = None

    def next_step(self) -> asyncio.Future[None]:
        if self._step is None or self._step.done():
            self._step = asyncio.get_running_loop().create_future()
        return self._step

    def hurry(self) -> None:
        self.hurried += 1

    def step(self, read: int) -> None:
        """The writer ends a transaction, after which the tables are at `read`."""
        self.read = read
        self.next_step().set_result(None)

    async def take_ends(self) -> Mapping[LogPartition, int]:
        self.looks += 1
        await asyncio.sleep(0)
        if self.is_log_away:
            raise LogUnavailable("away")
        return {HERE: self.end}

    async def read_progress(self) -> Mapping[LogPartition, Progress]:
        return {HERE: Progress(0, self.read)}

    def freshness(self) -> Freshness:
        return Freshness(self.take_ends, self.read_progress, self)


def test_tables_at_the_log_s_end_have_passed_it() -> None:
    facts = Facts(end=5, read=5)
    freshness = facts.freshness()
    asyncio.run(freshness.passed(time.monotonic(), wait_s=5))
    assert freshness.lag_s is not None


def test_an_earlier_look_does_not_answer_a_later_question() -> None:
    facts = Facts(end=5, read=5)

    async def ask() -> None:
        freshness = facts.freshness()
        await freshness.passed(time.monotonic(), wait_s=5)
        facts.end = 6  # accepted after the first look
        with pytest.raises(Behind):
            await freshness.passed(time.monotonic(), wait_s=0.05)

    asyncio.run(ask())


def test_waiting_ends_as_soon_as_the_tables_catch_up() -> None:
    facts = Facts(end=6, read=5)

    async def ask() -> None:
        waiting = asyncio.create_task(facts.freshness().passed(time.monotonic(), wait_s=30))
        while not facts.looks:
            await asyncio.sleep(0)
        facts.read = 6
        await waiting

    asyncio.run(ask())


def test_many_who_ask_at_once_share_looks_at_the_log() -> None:
    facts = Facts(end=5, read=5)

    async def ask() -> None:
        freshness = facts.freshness()
        since = time.monotonic()
        await asyncio.gather(*(freshness.passed(since, wait_s=5) for _ in range(100)))

    asyncio.run(ask())
    assert facts.looks == 1


def test_a_log_that_is_away_makes_no_answer() -> None:
    facts = Facts(end=5, read=5)
    facts.is_log_away = True
    with pytest.raises(Behind):
        asyncio.run(facts.freshness().passed(time.monotonic(), wait_s=0.05))


def test_the_lag_is_unknown_until_a_look_was_passed() -> None:
    facts = Facts(end=5, read=4)
    freshness = facts.freshness()
    with pytest.raises(Behind):
        asyncio.run(freshness.passed(time.monotonic(), wait_s=0.05))
    assert freshness.lag_s is None


def test_tables_that_fall_back_have_passed_nothing() -> None:
    facts = Facts(end=5, read=5)

    async def ask() -> Freshness:
        freshness = facts.freshness()
        await freshness.passed(time.monotonic(), wait_s=5)
        facts.read = 4
        with pytest.raises(Behind):
            await freshness.passed(time.monotonic(), wait_s=0.05)
        return freshness

    assert asyncio.run(ask()).lag_s is None


def test_of_two_readings_of_the_tables_the_older_one_never_comes_last() -> None:
    """Threads end in any order; an older reading looked like tables that fell back, and the lag was lost."""
    facts = Facts(end=5, read=5)
    slow = iter([0.05])

    async def read_progress() -> Mapping[LogPartition, Progress]:
        found = {HERE: Progress(0, facts.read)}
        await asyncio.sleep(next(slow, 0))
        return found

    async def ask() -> None:
        freshness = Freshness(facts.take_ends, read_progress, facts)
        first = asyncio.create_task(freshness.passed(time.monotonic(), wait_s=30))
        await asyncio.sleep(0.01)  # it reads 5, and tells only after the next reading
        facts.end = facts.read = 6
        await freshness.passed(time.monotonic(), wait_s=30)
        await first
        assert freshness.lag_s is not None

    asyncio.run(ask())


def test_many_who_wait_share_readings_of_the_tables() -> None:
    facts = Facts(end=5, read=5)
    readings = 0

    async def read_progress() -> Mapping[LogPartition, Progress]:
        nonlocal readings
        readings += 1
        await asyncio.sleep(0.01)
        return {HERE: Progress(0, facts.read)}

    async def ask() -> None:
        freshness = Freshness(facts.take_ends, read_progress, facts)
        await asyncio.gather(*(freshness.passed(time.monotonic(), wait_s=30) for _ in range(50)))
        assert readings < 10

    asyncio.run(ask())


@pytest.fixture
def _no_other_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a step of our own writer ends a wait."""
    monkeypatch.setattr("gateway.ledger.freshness._STEP_S", 3_600)


@pytest.mark.usefixtures("_no_other_ledger")
def test_who_waits_hurries_the_writer_again_until_a_step_reaches_far_enough() -> None:
    facts = Facts(end=7, read=5)

    async def ask() -> None:
        waiting = asyncio.create_task(facts.freshness().passed(time.monotonic(), wait_s=30))
        for hurried, read in ((1, 6), (2, 7)):
            while facts.hurried < hurried:
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)
            assert facts.hurried == hurried
            facts.step(read)
        await waiting

    asyncio.run(ask())


@pytest.mark.usefixtures("_no_other_ledger")
def test_a_step_that_ends_while_the_tables_are_read_is_not_missed() -> None:
    facts = Facts(end=6, read=5)

    async def read_progress() -> Mapping[LogPartition, Progress]:
        found = {HERE: Progress(0, facts.read)}
        if facts.read == 5:
            facts.step(6)  # after the reading, before anybody waits for a step
        return found

    async def ask() -> None:
        freshness = Freshness(facts.take_ends, read_progress, facts)
        await freshness.passed(time.monotonic(), wait_s=30)

    asyncio.run(ask())
