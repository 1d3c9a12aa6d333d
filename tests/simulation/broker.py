"""Topics as partition logs, and what producers and readers of them see.

Everything in here happens on the broker, outside of all processes: a request that left its process takes
effect whether or not the process still lives, and the answer finds it or not.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from scorer.records import OutputRecord
from tests.history.events import LogRecord
from tests.simulation.chance import Chance
from tests.simulation.virtual_time import VirtualLoop

T = TypeVar("T")
Place = tuple[str, int]
_POLL_S = 0.5
_REMEMBERED_BATCHES = 2


class Broker:
    """Partition logs, idempotent producers, long polls."""

    def __init__(self, loop: VirtualLoop, chance: Chance, topics: Mapping[str, int]) -> None:
        self.loop = loop
        self.chance = chance
        self.topics = dict(topics)
        self.logs: dict[Place, list[LogRecord]] = defaultdict(list)
        self._sequences: dict[tuple[int, str, int], list[tuple[int, int]]] = defaultdict(list)
        self._waiting: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self._producers = 0

    async def call(self, handle: Callable[[], T]) -> T:
        """A question and its answer, each some time on its way."""
        answer: asyncio.Future[T] = self.loop.create_future()
        self.loop.outside(self.chance.delay_s(), lambda: self.respond(answer, handle()))
        return await answer

    def respond(self, answer: asyncio.Future[T], value: T) -> None:
        """Send an answer back."""
        self.loop.outside(self.chance.delay_s(), _settle, answer, value)

    def new_producer(self) -> int:
        """A producer id."""
        self._producers += 1
        return self._producers

    def append(self, topic: str, partition: int, records: Sequence[OutputRecord]) -> int:
        """The base offset of `records`, now at the end of the log."""
        log = self.logs[topic, partition]
        base = len(log)
        now_ms = int(self.loop.time() * 1000)
        log.extend(
            LogRecord(topic, partition, base + at, one.key, one.value, tuple(one.headers), now_ms)
            for at, one in enumerate(records)
        )
        waiting, self._waiting[topic] = self._waiting[topic], []
        for wake in waiting:
            wake()
        return base

    def append_once(self, producer: int, sequence: int, place: Place, records: Sequence[OutputRecord]) -> int:
        """As `append`, but for a batch that is there already: its offset, or -1 where it was forgotten."""
        appended = self._sequences[producer, *place]
        if appended and sequence <= appended[-1][0]:
            known = dict(appended[-_REMEMBERED_BATCHES:]).get(sequence)
            return -1 if known is None or self.chance.happens(self.chance.weather.place_forgotten) else known
        base = self.append(*place, records)
        appended.append((sequence, base))
        return base

    def end(self, topic: str, partition: int) -> int:
        """The offset that the next record will get."""
        return len(self.logs[topic, partition])

    async def fetch(self, topic: str, positions: Mapping[int, int], limit: int) -> list[LogRecord]:
        """Records from `positions` on, at most `limit` of each partition; none after a while of silence."""
        answer: asyncio.Future[list[LogRecord]] = self.loop.create_future()
        self.loop.outside(self.chance.delay_s(), lambda: self._fetch(topic, positions, limit, answer))
        return await answer

    def _fetch(
        self, topic: str, positions: Mapping[int, int], limit: int, answer: asyncio.Future[list[LogRecord]]
    ) -> None:
        if self._answered(topic, positions, limit, answer):
            return

        def wake() -> None:
            if not answer.done() and not self._answered(topic, positions, limit, answer):
                self._waiting[topic].append(wake)

        self._waiting[topic].append(wake)
        self.loop.outside(_POLL_S, _settle, answer, [])

    def _answered(
        self, topic: str, positions: Mapping[int, int], limit: int, answer: asyncio.Future[list[LogRecord]]
    ) -> bool:
        found = [
            record
            for partition, start in positions.items()
            for record in self.logs[topic, partition][start : start + limit]
        ]
        if found:
            self.respond(answer, found)
        return bool(found)

    def everything(self) -> list[LogRecord]:
        """All records of all topics."""
        return [record for _, log in sorted(self.logs.items()) for record in log]


def _settle(answer: asyncio.Future[T], value: T) -> None:
    if not answer.done():
        answer.set_result(value)
