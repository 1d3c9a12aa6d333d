"""One schedule: processes, what happens to them, and the history that is left at the end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from contracts.lanes import Lane
from contracts.topics import APPLICATIONS, APPLICATIONS_DLQ, PREDICTIONS, REPLIES
from gateway.ledger.topics import lane_topics
from scorer.lane_worker import Outlets, Rules
from scorer.metrics import ScorerMetrics
from scorer.ownership import Care
from scorer.suspects import MAX_TRIES
from scorer.takeover import Reach
from tests.history.checker import Finding, check
from tests.history.events import History, Request
from tests.history.record import MAX_BYTES, REPLY_TOPICS
from tests.simulation.broker import Broker
from tests.simulation.chance import CALM, Chance
from tests.simulation.clients import CarelessLog, SimulatedLog, SimulatedStream
from tests.simulation.gateway_process import GatewayProcess
from tests.simulation.group import Group
from tests.simulation.parts import TRUE, Parts
from tests.simulation.verdicts import Oracle, model_in_use
from tests.simulation.virtual_time import Process, VirtualLoop

PARTITIONS = 2
GATEWAYS = 2
_VERSION_S = 1.3
_QUIET_S = 60.0


@dataclass(slots=True)
class Slot:
    """A place where one process after the other runs."""

    name: str
    process: Process | None = None
    running: Any = None
    #: Not before this moment is the next one started.
    rests_until: float = 0.0


@dataclass
class World:
    """Everything of one schedule."""

    seed: int
    parts: Parts = TRUE
    notes: list[tuple[float, str, dict[str, object]]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    may_fail: set[str] = field(default_factory=set)
    may_kill: set[str] = field(default_factory=set)
    quiet_from: float = float("inf")
    history: History = field(init=False)
    findings: list[Finding] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.loop = VirtualLoop()
        self.chance = Chance(self.seed)
        random = self.chance.random
        topics = {topic.name: PARTITIONS for topic in (APPLICATIONS, PREDICTIONS, APPLICATIONS_DLQ, REPLIES)}
        self.broker = Broker(self.loop, self.chance, topics)
        self.group = Group(self.broker, PARTITIONS, session_s=0.8, rebalance_s=0.8)
        self.ledger = self.parts.ledger(
            self.broker, lane_topics(Lane.SYNC), lag_s=random.choice((0.02, 0.2, 0.5)), away=0.02
        )
        self.oracle = Oracle()
        self.group.has_scoring_killed = self.oracle.has_killed
        self.batch_max = random.choice((1, 3, 6))
        self.batch_records = random.choice((2, 4))
        self.block = random.choice((1, 4))
        self.scorers = [Slot(f"scorer-{at}") for at in range(random.choice((1, 2, 3)))]
        self.gateways = [Slot(f"gateway-{at}") for at in range(GATEWAYS)]
        self._processes: list[Process] = []

    def note(self, what: str, **facts: object) -> None:
        """Something for who replays the seed."""
        self.notes.append((round(self.loop.time(), 4), what, facts))

    def unix_time(self) -> float:
        """The clock of every process."""
        return self.loop.time()

    def version(self) -> int:
        """The model version that decides now."""
        return 1 + int(self.loop.time() / _VERSION_S)

    def supervise(self) -> None:
        """Start what does not run."""
        now = self.loop.time()
        for slot in (*self.scorers, *self.gateways):
            if (slot.process is None or slot.process.is_dead) and now >= slot.rests_until:
                start = self._start_scorer if slot in self.scorers else self._start_gateway
                start(slot)

    def kill(self, slot: Slot, *, rest_s: float) -> None:
        """kill -9, and the next one starts after `rest_s`."""
        slot.rests_until = self.loop.time() + rest_s
        if slot.process is not None and not slot.process.is_dead:
            self.note("killed", process=slot.process.name)
            slot.process.kill()

    def gateway(self, at: int) -> GatewayProcess | None:
        """The gateway that runs in a slot, dead or alive."""
        running = self.gateways[at].running
        assert running is None or isinstance(running, GatewayProcess)
        return running

    def _start_scorer(self, slot: Slot) -> None:
        process = self._process(slot)
        broker, parts = self.broker, self.parts
        scorer = parts.scorer(self, self.group, batch_max=self.batch_max)
        log = SimulatedLog(broker, batch_records=self.batch_records)
        stream = SimulatedStream(broker, PREDICTIONS.name)
        metrics = ScorerMetrics("sync")
        replies = parts.replies(CarelessLog(broker, batch_records=50), metrics)
        worker = parts.worker(
            Rules(Lane.SYNC, process.name, REPLY_TOPICS, MAX_BYTES),
            model=lambda: model_in_use(self.version()),
            outlets=Outlets(parts.publication(PREDICTIONS.name, log=log, stream=stream), log, replies),
            metrics=metrics,
            decide=self.oracle.decide_for(self.version),
            unix_time=self.unix_time,
        )
        scorer.ownership = parts.ownership(
            worker,
            stream=stream,
            offsets=self.group,
            commit=scorer.commit,
            care=Care(Reach(seconds=1.5, records=5_000, block=self.block), window=self.batch_max),
        )
        slot.running = scorer
        process.tell(process.start(scorer.run()), lambda _task: process.kill())

    def _start_gateway(self, slot: Slot) -> None:
        process = self._process(slot)
        partition = self.gateways.index(slot) % PARTITIONS
        gateway = self.parts.gateway(self, process, partition=partition, ledger=self.ledger)
        slot.running = gateway
        process.start(gateway.read())

    def _process(self, slot: Slot) -> Process:
        process = Process(self.loop, f"{slot.name}#{len(self._processes)}")
        self._processes.append(process)
        self.note("started", process=process.name)
        process.on_death.append(partial(self.note, "ended", process=process.name))
        slot.process = process
        return process

    async def settle(self) -> None:
        """Fair weather, everybody alive, until nothing is left to be done."""
        self.chance.weather = CALM
        self.ledger.away = 0.0
        self.note("calm")
        for slot in (*self.scorers, *self.gateways):
            slot.rests_until = 0.0
            if slot.process is not None:
                slot.process.go_on()
        deadline = self.loop.time() + _QUIET_S
        while not self.is_quiet() and self.loop.time() < deadline:
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)
        self.quiet_from = min(self.quiet_from, self.loop.time())

    def is_quiet(self) -> bool:
        """Whether the group has committed all there is."""
        ends = {p: self.broker.end(APPLICATIONS.name, p) for p in range(PARTITIONS)}
        done = {p: commit.offset for p, commit in self.group.commits.items()}
        return all(end == done.get(p, 0) for p, end in ends.items())

    def tell(self) -> None:
        """Set down what happened, and every broken promise in it."""
        self.history = History(
            requests=list(self.requests),
            records=self.broker.everything(),
            commits=list(self.group.history),
            may_fail=frozenset(self.may_fail),
            may_kill=frozenset(self.may_kill),
            quiet_from=self.quiet_from,
            framed=frozenset(
                where for where, times in self.group.ended_while_trying.items() if times >= MAX_TRIES - 1
            ),
        )
        self.findings = check(self.history)
        if not self.is_quiet():
            self.findings.append(Finding("never quiet", "", f"{self.group.commits}"))

    def bury(self) -> None:
        """End everything that still runs, so that the loop can be closed. The history is told by then."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        for process in self._processes:
            process.bury()
        while tasks := asyncio.all_tasks(self.loop):
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=1))
            for task in tasks:
                task.cancel()
        self.loop.close()


@contextmanager
def quietly() -> Iterator[None]:
    """Nothing is logged meanwhile, and what dead processes leave is collected only afterwards."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        structlog.configure(**before)
