"""Requests to one service: repeated loops, what they cost each process, and whether the answers are right."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import uvloop

from bench.client import Poster, posting
from bench.load import Outcome, Send, closed_loop, open_loop
from bench.machine import usage
from bench.measure import Figure, figure

_WARM_UP_S: Final = 2.0
_EPISODES_APART_S: Final = 1.0


class WrongAnswers(Exception):
    """A service does not answer what LightGBM says; nothing of it counts."""


@dataclass(frozen=True)
class Service:
    """Where requests go, with which bodies, and the processes that work on them, by name."""

    name: str
    url: str
    bodies: Sequence[bytes]
    pids: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loops:
    """What some repeats of one loop came to. Only answers with status 200 count as requests a second."""

    per_second: Figure
    p50_ms: Figure
    p99_ms: Figure
    answered: float
    statuses: dict[str, int]
    cpu_ms_per_request: dict[str, float]


def closed(service: Service, *, clients: int, seconds: float, repeats: int) -> Loops:
    """`clients` clients, each sending when answered."""
    return uvloop.run(
        _loops(
            service, lambda send: closed_loop(send, clients=clients, seconds=seconds), range(repeats), clients
        )
    )


def opened(service: Service, *, rate: float, seconds: float, repeats: int) -> Loops:
    """`rate` requests a second, whether or not they are answered; latency from when each was due."""
    return uvloop.run(
        _loops(service, lambda send: open_loop(send, rate=rate, seconds=seconds), range(repeats), clients=8)
    )


def opened_while(is_going: Callable[[], bool], service: Service, *, rate: float, seconds: float) -> Loops:
    """The same, repeated for as long as something else goes on, and once at least."""

    def turns() -> Iterator[int]:
        yield 0
        yield from itertools.takewhile(lambda _: is_going(), itertools.count(1))

    return uvloop.run(
        _loops(service, lambda send: open_loop(send, rate=rate, seconds=seconds), turns(), clients=8)
    )


async def _loops(service: Service, loop: Callable[[Send], Any], turns: Iterable[int], clients: int) -> Loops:
    async with sending(service) as send:
        await closed_loop(send, clients=min(clients, 16), seconds=_WARM_UP_S)
        before = {name: usage(pid).cpu_s for name, pid in service.pids.items()}
        own_before = time.process_time()
        outcomes: list[Outcome] = [await loop(send) for _ in turns]
        cpu_s = {name: usage(pid).cpu_s - before[name] for name, pid in service.pids.items()}
        cpu_s["load generator"] = time.process_time() - own_before
    summaries = [outcome.summary() for outcome in outcomes]
    statuses: dict[str, int] = {}
    for outcome in outcomes:
        for status, count in outcome.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    total = sum(statuses.values())
    return Loops(
        per_second=figure([outcome.statuses["200"] / outcome.seconds for outcome in outcomes]),
        p50_ms=figure([summary["p50_ms"] for summary in summaries]),
        p99_ms=figure([summary["p99_ms"] for summary in summaries]),
        answered=statuses.get("200", 0) / total,
        statuses=statuses,
        cpu_ms_per_request={name: round(spent / total * 1000, 3) for name, spent in cpu_s.items()},
    )


@asynccontextmanager
async def sending(service: Service) -> AsyncIterator[Send]:
    """A function that sends the next body and says how it went."""
    bodies = itertools.cycle(service.bodies)
    async with posting(service.url) as poster:

        async def send() -> str:
            return await poster.status(next(bodies))

        yield send


def check(
    service: Service, expected: Sequence[float], read: Callable[[Any], float], *, count: int = 50
) -> None:
    """Return if the first answers have the expected numbers, to the bit; WrongAnswers otherwise."""
    answers = uvloop.run(_answers(service, min(count, len(service.bodies))))
    for number, (answer, right) in enumerate(zip(answers, expected, strict=False)):
        if read(answer) != right:
            raise WrongAnswers(
                f"{service.name}: answer {number} is {read(answer)!r}, LightGBM says {right!r}"
            )


async def _answers(service: Service, count: int) -> list[Any]:
    async with posting(service.url) as poster:
        found = []
        for body in service.bodies[:count]:
            found.append(await _answer(poster, service, body))
        return found


async def _answer(poster: Poster, service: Service, body: bytes) -> Any:
    # The first requests of fresh processes may be late: the same body may be sent again.
    deadline = time.monotonic() + 30
    while True:
        status, said = await poster.post(body)
        if status == 200:
            return json.loads(said)
        if time.monotonic() > deadline:
            raise WrongAnswers(f"{service.name} answers {status}: {said[:300]!r}")
        await asyncio.sleep(0.1)


async def outage_s(service: Service, *, rate: float, seconds: float, disturb: Callable[[], None]) -> float:
    """The longest time in which requests went unanswered, at `rate`, when something is done to the service a
    second in. One partition that stands still shows, though others go on; a second without a miss ends it.
    """
    missed: list[float] = []
    async with sending(service) as send:

        async def noted() -> str:
            sent = time.monotonic()
            status = await send()
            if status != "200":
                missed.append(sent)
            return status

        asyncio.get_running_loop().call_later(1.0, disturb)
        await open_loop(noted, rate=rate, seconds=seconds)
    return longest_episode_s(missed)


def longest_episode_s(moments: Sequence[float]) -> float:
    """The longest stretch of `moments` that lie no more than a second apart; 0 for fewer than two."""
    longest = began = before = 0.0
    for number, moment in enumerate(sorted(moments)):
        if number == 0 or moment - before > _EPISODES_APART_S:
            began = moment
        longest, before = max(longest, moment - began), moment
    return longest
