"""Records between the log and the lane worker: in order, bounded, taken as micro-batches.

Knows no client; waits, and nothing else.

While a micro-batch is at work the next one gathers here, so batches grow with the load by themselves.
A record that comes alone is taken at once; only after company had come does the taker wait for more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from scorer.records import InputRecord


class Arrival(NamedTuple):
    """A record, and the generation in which it was received: how often partitions were taken before."""

    generation: int
    record: InputRecord


class Arrivals:
    """What was fetched and not taken yet: at most `most` records and one fetch. One putter, one taker."""

    def __init__(self, most: int, *, company_s: float) -> None:
        self._most = most
        self._company_s = company_s
        self._waiting: deque[Arrival] = deque()
        self._has_some = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_full = asyncio.Event()
        self._had_company = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def put(self, generation: int, records: Sequence[InputRecord]) -> None:
        """Hand over what one fetch brought; waits while there is no room, which holds up the next fetch."""
        await self._has_room.wait()
        self._waiting.extend(Arrival(generation, record) for record in records)
        self._mark()

    async def take(self) -> list[Arrival]:
        """The next micro-batch: at least one record, at most `most`, in the order they came."""
        taken: list[Arrival] = []
        while not taken:  # a rebalance may clear what this one was waiting beside
            await self._has_some.wait()
            if self._had_company and len(self._waiting) < self._most:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._is_full.wait(), self._company_s)
            taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        self._had_company = len(taken) > 1
        self._mark()
        return taken

    def clear(self) -> None:
        """Forget all: the partitions have changed hands, and what is still ours is fetched again."""
        self._waiting.clear()
        self._mark()

    def _mark(self) -> None:
        for event, is_so in (
            (self._has_some, bool(self._waiting)),
            (self._has_room, len(self._waiting) < self._most),
            (self._is_full, len(self._waiting) >= self._most),
        ):
            if is_so:
                event.set()
            else:
                event.clear()
