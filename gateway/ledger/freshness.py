"""How old the lane's tables are: which look at the log's ends they have passed.

A look notes the end offsets of the lane's topics and when it was taken. Tables that have reached
those offsets hold everything that was in the log then. So the lag is the age of the newest look
that was passed: an upper bound that trusts no record's timestamp, and grows when Kafka is away.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from gateway.ledger.errors import Behind, Unavailable
from gateway.ledger.progress import LogPartition, Progress

log = structlog.get_logger()

#: At four looks a second: five minutes. When it is longer behind, the oldest ones are enough.
_LOOKS_MAX: Final = 1_200
_LOOK_EVERY_S: Final = 0.25
#: Longest wait for a step of our own writer before the tables are read all the same: another ledger on the
#: same database may have written them.
_STEP_S: Final = 0.05

Ends = Mapping[LogPartition, int]


class Steps(Protocol):
    """The writer's transactions, as who waits for them sees it."""

    def next_step(self) -> asyncio.Future[None]:
        """Done at the end of the writer's next transaction; never cancel it, others wait for it too."""

    def hurry(self) -> None:
        """Somebody waits: the writer is to take in at once what the log has."""


@dataclass(frozen=True, slots=True)
class _Look:
    taken_at: float
    ends: Ends


class Freshness:
    """Of one lane. `take_ends` asks the log, `read_progress` the tables; times are `time.monotonic()`.

    Who waits hurries the writer, so that it may let records come together while nobody does.
    """

    def __init__(
        self,
        take_ends: Callable[[], Awaitable[Ends]],
        read_progress: Callable[[], Awaitable[Mapping[LogPartition, Progress]]],
        steps: Steps,
    ) -> None:
        self._take_ends = take_ends
        self._read_progress = read_progress
        self._steps = steps
        self._looks: deque[_Look] = deque()
        self._passed_at: float | None = None
        self._reached: dict[LogPartition, int] = {}
        self._looking: asyncio.Task[None] | None = None
        self._looking_since = 0.0
        self._turns = itertools.count(1)
        self._comparing = asyncio.Lock()
        self._compared = 0
        self.wrong = "has not looked at the log yet"

    @property
    def lag_s(self) -> float | None:
        """Everything that was in the log this long ago is in the tables; None before that is known."""
        return None if self._passed_at is None else time.monotonic() - self._passed_at

    async def keep_up(self) -> None:
        """Look at the log and at the tables until cancelled."""
        while True:
            try:
                await self._look()
                await self._compare()
                self.wrong = ""
            except Unavailable as error:
                self.wrong = str(error)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def passed(self, since: float, *, wait_s: float) -> None:
        """Return once all that was in the log at `since` is in the tables; Behind after `wait_s`."""
        try:
            await asyncio.wait_for(self._pass(since), wait_s)
        except (TimeoutError, Unavailable) as error:
            log.warning("behind the log for a question", error=repr(error), missing=self._missing(since))
            raise Behind(
                "the ledger has not read everything yet that was in the log when you asked; ask again"
            ) from error

    async def _pass(self, since: float) -> None:
        step = self._steps.next_step()
        self._steps.hurry()
        while not self._has_passed(since):
            if not self._looks or self._looks[-1].taken_at < since:
                await self._look_after(since)
            following = self._steps.next_step()  # before the tables are read: no step falls between
            await self._compare()
            if self._has_passed(since):
                return
            if step.done():  # it was hurried, and did not reach far enough
                step = following
                self._steps.hurry()
            await asyncio.wait([step], timeout=_STEP_S)

    def _has_passed(self, since: float) -> bool:
        return self._passed_at is not None and self._passed_at >= since

    def _missing(self, since: float) -> dict[str, int] | None:
        """Records that the tables lack of what the log had, by partition; None when nobody looked at it."""
        look = next((look for look in self._looks if look.taken_at >= since), None)
        if look is None:
            return None
        return {
            f"{place.topic}/{place.partition}": end - self._reached.get(place, 0)
            for place, end in look.ends.items()
            if end > self._reached.get(place, 0)
        }

    async def _look_after(self, since: float) -> None:
        """Share one look among all who wait; one that began before `since` does not count."""
        if self._looking is None or self._looking.done() or self._looking_since < since:
            self._looking_since = time.monotonic()
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        taken_at = time.monotonic()
        ends = await self._take_ends()
        if self._looks and self._looks[-1].taken_at > taken_at:
            return
        if len(self._looks) >= _LOOKS_MAX:
            self._looks.pop()
        self._looks.append(_Look(taken_at, ends))

    async def _compare(self) -> None:
        """Read the tables, one at a time: of two readings the older may come last, and look like a fall back.

        Who waited while somebody else began and ended a reading has what it wanted.
        """
        if not self._looks:
            return
        asked = next(self._turns)
        async with self._comparing:
            if self._compared < asked:
                begun = next(self._turns)
                self._note(await self._read_progress())
                self._compared = begun

    def _note(self, progress: Mapping[LogPartition, Progress]) -> None:
        reached = {place: part.next_offset for place, part in progress.items()}
        if any(reached.get(place, 0) < offset for place, offset in self._reached.items()):
            # A fail-over to a copy that was behind, or a swap: what was passed is not any more.
            self._passed_at = None
        self._reached = reached
        while self._looks and _is_past(self._looks[0].ends, progress):
            self._passed_at = self._looks.popleft().taken_at


def _is_past(ends: Ends, progress: Mapping[LogPartition, Progress]) -> bool:
    return all(
        end == 0 or (place in progress and progress[place].next_offset >= end) for place, end in ends.items()
    )
