"""A scorer on the simulated broker: what `scorer.app` and Faust do around the protocol, step for step.

Mirrors `scorer.app.LaneStream`: buffered events that outlive a rebalance, one batch at a time, commits by
the clock and at a revoke, the end of the process when a batch can't be published.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from contracts.topics import APPLICATIONS
from scorer.ownership import Ownership
from scorer.records import InputRecord
from tests.history.events import LogRecord
from tests.simulation.group import Assignment, Group

if TYPE_CHECKING:
    from tests.simulation.world import World

_HEARTBEAT_S = 0.15
_COMMIT_S = 0.2
_FETCH = 8


class Event(NamedTuple):
    """A record as it was fetched, and in which generation."""

    generation: int
    record: InputRecord


class ScorerProcess:
    """One worker, from its start to its end."""

    def __init__(self, world: World, group: Group, *, batch_max: int) -> None:
        self._world = world
        self._group = group
        self._batch_max = batch_max
        self.ownership: Ownership
        self.assignment = Assignment("", -1, frozenset())
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._at_work = asyncio.Lock()
        self._is_open = False
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Work until something breaks or `end` is called; then leave in order."""
        working = [asyncio.ensure_future(self._agent()), asyncio.ensure_future(self._commit_for_ever())]
        member = asyncio.ensure_future(self._stay_a_member())
        await self._ended.wait()
        member.cancel()
        self._is_open = False
        async with self._at_work:
            await self.ownership.commit(is_leaving=True)
        for task in working:
            task.cancel()
        await self._group.leave(self.assignment.member)

    def end(self) -> None:
        """SIGTERM."""
        self._ended.set()

    async def commit(self, offsets: dict[int, int], note: str) -> bool:
        """See `scorer.ownership.Commit`; in the generation that the consumer believes in."""
        return await self._group.commit(self.assignment.member, self.assignment.generation, offsets, note)

    async def _stay_a_member(self) -> None:
        while True:
            assignment = await self._group.join(self.assignment.member or None)
            beating = asyncio.ensure_future(self._beat(assignment))
            commits = await self._group.read(set(assignment.partitions))
            self.assignment = assignment
            async with self._at_work:
                await self.ownership.take(set(assignment.partitions))
                self._is_open = True
            positions = {p: commits[p].offset if p in commits else 0 for p in assignment.partitions}
            fetching = asyncio.ensure_future(self._fetch(assignment.generation, positions))
            await beating
            fetching.cancel()
            await self._revoke()

    async def _revoke(self) -> None:
        self._events.clear()
        self._is_open = False
        async with self._at_work:
            await self.ownership.commit(is_leaving=True)

    async def _beat(self, assignment: Assignment) -> None:
        while await self._group.heartbeat(assignment.member, assignment.generation):
            await asyncio.sleep(_HEARTBEAT_S)

    async def _fetch(self, generation: int, positions: dict[int, int]) -> None:
        while positions:
            for record in await self._world.broker.fetch(APPLICATIONS.name, positions, _FETCH):
                positions[record.partition] = record.offset + 1
                self._events.append(Event(generation, _input(record)))
                self._arrived.set()

    async def _agent(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._events:
                # Faust hands over what it has after a short wait: a rebalance may come in between.
                taken = [self._events.popleft() for _ in range(min(self._batch_max, len(self._events)))]
                await asyncio.sleep(self._world.chance.delay_s())
                await self._work(taken)

    async def _work(self, events: list[Event]) -> None:
        async with self._at_work:
            if not self._is_open:
                return
            try:
                await self.ownership.work(self.current(events))
            except Exception as error:
                self._world.note("a batch failed", error=type(error).__name__)
                self.broken()

    def broken(self) -> None:
        """A batch could not be published: the process ends, and the batch is read again."""
        self._is_open = False
        self._ended.set()

    def current(self, events: list[Event]) -> list[InputRecord]:
        """The records that were fetched since the last rebalance."""
        return [event.record for event in events if event.generation == self.assignment.generation]

    async def _commit_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_COMMIT_S)
            if self._is_open:
                async with self._at_work:
                    with contextlib.suppress(asyncio.TimeoutError):
                        await self.ownership.commit()


def _input(record: LogRecord) -> InputRecord:
    return InputRecord(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        {name: value for name, value in record.headers if value is not None},
        record.timestamp_ms,
    )
