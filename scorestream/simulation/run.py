"""Sends the applicants at a constant rate and their outcomes when they are due, in accelerated days.

A simulated day lasts `day_s` seconds. A loan that defaults does so at some moment of its performance window;
of one that does not, the lender says so once the window is over. So the window of the platform's own readers
(`--performance-days`) must be `Pace.performance_days`.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from contracts.csv_rows import applications_in
from contracts.events import DecisionDocument
from scorestream.answers import ClientError, Refused
from scorestream.client import AsyncScorestreamClient
from scorestream.simulation.shifts import Application, Shift, defaults

_MOST_AT_ONCE: Final = 64
_TRIES: Final = 5
_AFTER_THE_WINDOW: Final = 1.05
_SECONDS_A_DAY: Final = 86_400.0

Said = Callable[["Tally"], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How much traffic, a second; for how many days; how long a day and a performance window last."""

    rate: float = 20.0
    days: float = 3.0
    day_s: float = 20.0
    window_days: float = 1.0

    @property
    def applications(self) -> int:
        """How many are sent in all."""
        return max(1, round(self.rate * self.days * self.day_s))

    @property
    def window_s(self) -> float:
        """The performance window in real seconds."""
        return self.window_days * self.day_s

    @property
    def performance_days(self) -> float:
        """The performance window as the platform, which lives in real time, must be told it."""
        return self.window_s / _SECONDS_A_DAY


@dataclass(slots=True)
class Tally:
    """What has happened so far."""

    sent: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    lost: int = 0
    outcomes: int = 0
    defaulted: int = 0
    outcomes_refused: int = 0


@dataclass(frozen=True, slots=True)
class Applicant:
    """An application, and its end where the file knows it."""

    application: Application
    target: int | None


def applicants(folder: Path, shift: Shift, *, seed: int) -> Iterator[Applicant]:
    """Applicants of the folder's files, shifted, over and over."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    if shift.uses_test_file:
        known = [Applicant(one, None) for one in applications_in(folder / "application_test.csv")]
    else:
        file = folder / "application_train.csv"
        known = list(map(Applicant, applications_in(file), _targets(file)))
    chance.shuffle(known)
    for one in itertools.cycle(known):
        yield Applicant(shift.apply(one.application, chance), one.target)


def _targets(file: Path) -> list[int]:
    with file.open(newline="", encoding="utf-8") as lines:
        return [int(row["TARGET"]) for row in csv.DictReader(lines)]


class Simulation:
    """One story; `run` tells it. Approved and referred loans are granted, declined ones have no end."""

    def __init__(
        self, client: AsyncScorestreamClient, shift: Shift, pace: Pace, *, seed: int, said: Said
    ) -> None:
        self.tally = Tally()
        self._client = client
        self._shift = shift
        self._pace = pace
        self._chance = random.Random(seed)  # noqa: S311 - a simulation
        self._said = said
        self._at_once = asyncio.Semaphore(_MOST_AT_ONCE)

    async def run(self, people: Iterator[Applicant]) -> Tally:
        """All applications, then all outcomes that are still to come."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with asyncio.TaskGroup() as lives:
            for number, person in enumerate(itertools.islice(people, self._pace.applications)):
                await asyncio.sleep(max(0.0, started + number / self._pace.rate - loop.time()))
                await self._at_once.acquire()
                lives.create_task(self._live(person))
        return self.tally

    async def _live(self, person: Applicant) -> None:
        try:
            decision = await self._decide(person)
        finally:
            self._at_once.release()
        self._said(self.tally)
        if decision is not None and decision.decision != "decline":
            await self._end(person, decision)
            self._said(self.tally)

    async def _decide(self, person: Applicant) -> DecisionDocument | None:
        self.tally.sent += 1
        try:
            decision = await self._client.decide(person.application)
        except Refused:
            self.tally.refused += 1
            return None
        except (ClientError, httpx.TransportError):
            self.tally.lost += 1
            return None
        self.tally.decisions[decision.decision] += 1
        return decision

    async def _end(self, person: Applicant, decision: DecisionDocument) -> None:
        """Wait for the loan's end and say it."""
        is_default = defaults(person.application, person.target, self._shift, self._chance)
        share = self._chance.uniform(0.2, 0.8) if is_default else _AFTER_THE_WINDOW
        due = datetime.fromisoformat(decision.decided_at).timestamp() + share * self._pace.window_s
        await asyncio.sleep(max(0.0, due - datetime.now(UTC).timestamp()))
        if await self._observe(decision.application_id, is_default=is_default):
            self.tally.outcomes += 1
            self.tally.defaulted += is_default
        else:
            self.tally.outcomes_refused += 1

    async def _observe(self, application_id: str, *, is_default: bool) -> bool:
        observed_at = datetime.now(UTC).isoformat()
        for attempt in range(_TRIES):
            try:
                async with self._at_once:
                    await self._client.observe(application_id, defaulted=is_default, observed_at=observed_at)
            except (Refused, httpx.TransportError):
                await asyncio.sleep(0.2 * 2**attempt)
            else:
                return True
        return False
