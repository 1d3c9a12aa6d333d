"""A schedule from its seed: the faults, the callers, the end, the findings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tests.history.checker import Finding
from tests.simulation.callers import Senders
from tests.simulation.parts import TRUE, Parts
from tests.simulation.world import Slot, World, quietly

_CLIENTS = 3
_REQUESTS = 6
_PRODUCERS = 2
_RECORDS = 6
_FAULTS_S = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one schedule came to."""

    seed: int
    requests: int
    accepted: int
    scorings: int
    findings: list[Finding]


def play(seed: int, parts: Parts = TRUE) -> Outcome:
    """The outcome of one schedule."""
    world = played(seed, parts)
    history = world.history
    return Outcome(
        seed,
        len(history.requests),
        len(history.topic(history.applications)),
        world.oracle.scorings,
        world.findings,
    )


def played(seed: int, parts: Parts = TRUE) -> World:
    """The world at the end of one schedule."""
    with quietly():
        world = World(seed, parts)
        try:
            world.loop.run_until_complete(_schedule(world))
            world.tell()
        finally:
            world.bury()
    return world


async def _schedule(world: World) -> None:
    world.group.start()
    supervising = asyncio.ensure_future(_supervise(world))
    senders = Senders(world)
    await asyncio.sleep(world.chance.random.uniform(0.0, 0.5))
    troubling = asyncio.ensure_future(_trouble(world))
    await asyncio.gather(
        *(senders.client(f"client-{at}", _REQUESTS) for at in range(_CLIENTS)),
        *(senders.producer(f"producer-{at}", _RECORDS) for at in range(_PRODUCERS)),
    )
    await troubling
    await world.settle()
    await senders.ask_again()
    await world.settle()
    supervising.cancel()


async def _supervise(world: World) -> None:
    while True:
        world.supervise()
        await asyncio.sleep(0.05)


async def _trouble(world: World) -> None:
    """Faults until their time is over; some schedules have a favourite."""
    random = world.chance.random
    end = world.loop.time() + _FAULTS_S
    kinds = list(_KINDS)
    weights = [random.choice((0.2, 1.0, 4.0)) for _ in kinds]
    pace = random.choice((0.15, 0.5, 1.0))
    while world.loop.time() < end:
        await asyncio.sleep(random.uniform(0.3 * pace, 1.7 * pace))
        random.choices(kinds, weights)[0](world)


def _kill_a_scorer(world: World) -> None:
    world.kill(world.chance.random.choice(world.scorers), rest_s=world.chance.random.uniform(0.05, 0.5))


def _kill_all_scorers(world: World) -> None:
    rest_s = world.chance.random.uniform(0.1, 3.0)
    for slot in world.scorers:
        world.kill(slot, rest_s=rest_s)


def _kill_a_gateway(world: World) -> None:
    world.kill(world.chance.random.choice(world.gateways), rest_s=world.chance.random.uniform(0.05, 0.5))


def _stop_a_scorer(world: World) -> None:
    _stop(world, world.chance.random.choice(world.scorers), world.chance.random.uniform(0.1, 2.5))


def _stop_a_gateway(world: World) -> None:
    _stop(world, world.chance.random.choice(world.gateways), world.chance.random.uniform(0.05, 0.6))


def _end_a_scorer(world: World) -> None:
    slot = world.chance.random.choice(world.scorers)
    if slot.process is not None and not slot.process.is_dead and not slot.process.is_stopped:
        world.note("told to end", process=slot.process.name)
        slot.running.end()


def _stop(world: World, slot: Slot, seconds: float) -> None:
    process = slot.process
    if process is None or process.is_dead or process.is_stopped:
        return
    world.note("stopped", process=process.name, seconds=round(seconds, 3))
    process.stop()

    def go_on() -> None:
        world.note("goes on", process=process.name)
        process.go_on()

    world.loop.outside(seconds, go_on)


_KINDS: tuple[Callable[[World], None], ...] = (
    _kill_a_scorer,
    _kill_all_scorers,
    _kill_a_gateway,
    _stop_a_scorer,
    _stop_a_gateway,
    _end_a_scorer,
)
