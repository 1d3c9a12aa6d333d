"""kill -9 at random moments: nothing lost, nothing twice, the rows of a ledger that was never killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.lanes import Lane
from gateway.ledger.rebuild import rebuild_lane
from gateway.ledger.settings import LedgerSettings
from tests.conftest import FreshTopic
from tests.e2e.processes import wait_until
from tests.integration.conftest import postgres_server, postgres_url
from tests.ledger_log import application, dead_letter, prediction
from tests.ledger_process import LedgerProcess, Written, ledger_settings, produce, stored_rows

APPLICATIONS = 10_000
KILLS = 10

pytestmark = pytest.mark.slow

__all__ = ["postgres_server", "postgres_url"]  # fixtures


class SilentBar:
    def begin(self, records: int) -> None:
        self.total = records

    def advance(self, records: int) -> None:
        self.total -= records


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_ten_times_the_rows_are_those_of_a_clean_rebuild(
    kind: str,
    kafka_bootstrap: str,
    fresh_topic: FreshTopic,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    settings = ledger_settings(kafka_bootstrap, fresh_topic, url)
    chance = random.Random(20_261)
    ledger = LedgerProcess(settings, tmp_path / "ledger.log").start(is_waiting=False)
    assert isinstance(ledger, LedgerProcess)
    flowing = threading.Thread(target=flow, args=(settings, chance.randrange(2**32)))
    flowing.start()
    try:
        for number in range(KILLS):
            ledger = killed_and_started(ledger, chance, tmp_path / f"ledger-{number}.log")
        flowing.join()
        wait_until(lambda: is_done(ledger), timeout_s=120, why="everything is in")
        wait_until(lambda: not ledger.wrong(), why="ready")
        rows = stored_rows(settings)
        counts = ledger.counts()
    finally:
        ledger.kill()
    assert (counts["difference"], counts["orphans"], len(rows)) == (0, 0, APPLICATIONS)
    asyncio.run(rebuild_lane(Lane.SYNC, settings, SilentBar()))
    assert stored_rows(settings) == rows


def killed_and_started(ledger: LedgerProcess, chance: random.Random, log_file: Path) -> LedgerProcess:
    """Let it run for a moment, kill it or one of its writers, and have one running again."""
    wait_until(lambda: "sync" in ledger.writers(), why="there is something to kill")
    reached = ledger_position(ledger) + chance.randrange(2_000)
    deadline = time.monotonic() + 2 * chance.random()
    wait_until(
        lambda: ledger_position(ledger) >= reached or time.monotonic() > deadline, why="the moment has come"
    )
    if chance.random() < 0.5:
        for pid in ledger.writers().values():
            os.kill(pid, signal.SIGKILL)
        return ledger
    ledger.kill()
    again = LedgerProcess(ledger.settings, log_file).start(is_waiting=False)
    assert isinstance(again, LedgerProcess)
    return again


def ledger_position(ledger: LedgerProcess) -> int:
    counts = ledger.counts()
    return int(counts.get("logged", 0)) + int(counts.get("decided", 0))


def is_done(ledger: LedgerProcess) -> bool:
    counts = ledger.counts()
    return counts.get("pending") == 0 and counts.get("accepted") == APPLICATIONS


def flow(settings: LedgerSettings, seed: int) -> None:
    """20,000 records and more, over some twenty seconds: repeats, early decisions, dead letters, redrives."""
    chance = random.Random(seed)
    numbers = list(range(APPLICATIONS))
    for start in range(0, APPLICATIONS, 500):
        began = time.monotonic()
        produce(settings.kafka.bootstrap_servers, records(settings, numbers[start : start + 500], chance))
        wait_until(lambda began=began: time.monotonic() > began + 1, why="a second is over")  # type: ignore[misc]


def records(settings: LedgerSettings, numbers: list[int], chance: random.Random) -> Iterator[Written]:
    topics = settings.topics(Lane.SYNC)
    for number in numbers:
        name, partition = f"application-{number:06d}", number % 2
        accepted = topics.applications, partition, application(name, 1_000 + number)
        source = (topics.applications, partition, 0)
        decided = (
            topics.predictions,
            partition,
            prediction(name, 1_000 + number, source=source, decision=chance.choice(("approve", "decline"))),
        )
        dead = topics.dead_letters, partition, dead_letter(name, 1_000 + number, source=source)
        kinds = {
            0: [decided, accepted],
            1: [accepted, decided, accepted, decided],
            2: [accepted, dead],
            3: [accepted, dead, accepted, decided],
        }
        yield from kinds.get(chance.randrange(10), [accepted, decided])
