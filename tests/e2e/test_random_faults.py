"""Twenty thousand requests a round through faults drawn from a seed; ten rounds are 200,000 requests.

In `make test-slow`, some half an hour. `-k "[3]"` plays one round again; the moments differ, the faults are
the same.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.events import ModelPromoted
from infra.kafka.embedded import EmbeddedKafka
from tests.e2e.audit import audit
from tests.e2e.decisions_of_record import agrees, fetched, predictions, recomputed_otherwise
from tests.e2e.faults import PATIENT, FaultyPath, applicants, now, own_broker, report, wait_until_answered
from tests.e2e.load import Load
from tests.e2e.processes import Process, wait_until

_ROUNDS = 10
_REQUESTS = 20_000
_PER_S = 150.0
#: So many decisions, evenly chosen, are fetched by id at the end.
_FETCHED = 1_000
#: Freezing longer than this makes the group go on without the frozen one.
_SESSION_S = 6.0

Fault = Callable[[], None]


class Platform:
    """Two scorers, two gateways, a ledger and a broker, and what may happen to each."""

    def __init__(self, kafka: EmbeddedKafka, path: FaultyPath, chance: random.Random) -> None:
        self._kafka = kafka
        self._chance = chance
        self.scorers = [path.scorer(), path.scorer()]
        self.ledger = path.ledger()
        self.gateways = [path.gateway(**PATIENT, LEDGER_URL=self.ledger.url) for _ in range(2)]

    def faults(self) -> dict[str, Fault]:
        """What may happen, by name; each is over when it returns."""
        return {
            "scorer killed": lambda: self._killed(self.scorers),
            "both scorers killed": self._both_killed,
            "scorer killed again and again": self._killed_in_a_row,
            "scorer sent away": lambda: self._sent_away(self.scorers),
            "scorer frozen": lambda: self._frozen(self.scorers),
            "gateway killed": lambda: self._killed(self.gateways),
            "gateway sent away": lambda: self._sent_away(self.gateways),
            "gateway frozen": lambda: self._frozen(self.gateways),
            "ledger killed": lambda: self._killed([self.ledger]),
            "ledger frozen": lambda: self._frozen([self.ledger]),
            "broker killed": self._broker_killed,
            "broker frozen": self._broker_frozen,
        }

    def _one(self, processes: list[Process]) -> Process:
        return self._chance.choice(processes)

    def _killed(self, processes: list[Process]) -> None:
        process = self._one(processes)
        process.kill()
        time.sleep(self._chance.choice([0, 0, _SESSION_S + 2]))
        process.start()

    def _both_killed(self) -> None:
        for scorer in self.scorers:
            scorer.kill()
        for scorer in self.scorers:
            scorer.start(is_waiting=False)
        for scorer in self.scorers:
            scorer.wait_ready()

    def _killed_in_a_row(self) -> None:
        scorer = self._one(self.scorers)
        for _ in range(4):
            scorer.kill()
            scorer.start(is_waiting=False)
            time.sleep(self._chance.uniform(0.1, 2.5))
        scorer.wait_ready()

    def _sent_away(self, processes: list[Process]) -> None:
        process = self._one(processes)
        assert process.terminate() == 0, process.log()[-3000:]
        process.start()

    def _frozen(self, processes: list[Process]) -> None:
        process = self._one(processes)
        process.signal(signal.SIGSTOP)
        time.sleep(self._chance.uniform(0.5, 2 * _SESSION_S))
        process.signal(signal.SIGCONT)

    def _broker_killed(self) -> None:
        self._kafka.kill()
        self._kafka.restart()

    def _broker_frozen(self) -> None:
        self._kafka.pause()
        time.sleep(self._chance.uniform(0.5, _SESSION_S))
        self._kafka.resume()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(_ROUNDS))
def test_nothing_is_lost_decided_twice_or_answered_wrongly_through_random_faults(
    tmp_path: Path, promoted: ModelPromoted, seed: int
) -> None:
    chance = random.Random(seed)  # a choice of faults is no secret
    happened: Counter[str] = Counter()
    with own_broker(tmp_path, promoted) as (kafka, path):
        platform = Platform(kafka, path, chance)
        urls = [gateway.url for gateway in platform.gateways]
        with Load(urls, applicants, rate_per_s=_PER_S, insists=True) as load:
            wait_until_answered(load, since_s=now())
            while len(load.requests) < _REQUESTS:
                name, fault = chance.choice(list(platform.faults().items()))
                happened[name] += 1
                fault()
                load.run_for(chance.uniform(0.5, 5))
                if chance.random() < 1 / 2:  # or the next fault meets the last one's end
                    wait_until_answered(load, since_s=now())
            wait_until_answered(load, since_s=now())
        audited = audit(kafka.bootstrap_servers, load.requests)
        wait_until(lambda: agrees(platform.ledger, audited), why="the ledger has what the log has")
        of_record = {one: found[0].document for (_, one), found in audited.record.predictions.items()}
        some = sorted(of_record)[:: len(of_record) // _FETCHED]
        assert asyncio.run(fetched(urls, some)) == {one: of_record[one] for one in some}
        scored = asyncio.run(predictions(kafka.bootstrap_servers))
    assert recomputed_otherwise(scored, [promoted]) == []
    last = {request.key: request.status for request in load.answered() if request.key is not None}
    report(
        f"random faults, round {seed}",
        happened=dict(happened),
        statuses=dict(load.statuses()),
        decided=audited.decided,
        decided_again=audited.decided_again,
    )
    # 0 is a connection that a killed gateway took with it, 429 a gateway whose places are all taken.
    assert set(load.statuses()) <= {0, 200, 202, 429, 503}
    assert set(last.values()) <= {200}, "a client that insists gets its decision"
