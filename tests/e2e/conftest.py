"""The scoring path with real processes: broker, topics, a promoted bundle, scorer, gateway."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from contracts.events import ModelPromoted, encode
from contracts.topics import MODEL_PROMOTIONS
from infra.kafka.topics import ensure_topics
from tests.bundles import promoted_bundle
from tests.e2e import totals
from tests.e2e.processes import Process

PARTITIONS = 4


class ScoringPath:
    """Starts gateways and scorers against one broker; stops what is left at the end."""

    def __init__(self, bootstrap_servers: str, folder: Path) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._folder = folder
        self._started: list[Process] = []
        self._numbers = itertools.count(1)

    def gateway(self, **settings: str) -> Process:
        """A ready gateway; `settings` are environment variables."""
        return self._process("gateway", ["gateway"], settings).start()

    def scorer(self, lane: str = "sync", **settings: str) -> Process:
        """A ready scorer of a lane."""
        return self._process("scorer", ["scorer", "--lane", lane], settings).start()

    def start(self, name: str, arguments: list[str], **settings: str) -> Process:
        """A process of any kind that is starting; wait for it with `wait_ready`."""
        return self._process(name, arguments, settings).start(is_waiting=False)

    def ledger(self, **settings: str) -> Process:
        """A ready ledger on a SQLite file in the folder."""
        given = {
            "LEDGER_DATABASE_URL": f"sqlite:///{self._folder}/ledger/ledger.db",
            "LEDGER_RUN_DIR": str(self.run_dir),
            **settings,
        }
        return self._process("ledger", ["ledger"], given).start()

    def promote(self, promoted: ModelPromoted) -> None:
        """Write a promotion to its topic, as `scorestream promote` does."""
        asyncio.run(_publish(self.bootstrap_servers, promoted))

    def stop(self) -> None:
        """Kill what runs."""
        for process in self._started:
            process.kill()

    @property
    def run_dir(self) -> Path:
        """Where the processes announce themselves."""
        return self._folder / "workers"

    def environment(self) -> dict[str, str]:
        """The environment of a command that is run beside the processes."""
        return {**os.environ, **self._settings()}

    def _settings(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "SCORER_CACHE_DIR": str(self._folder / "scorer-cache"),
            "SCORER_RUN_DIR": str(self.run_dir),
            "GATEWAY_RUN_DIR": str(self.run_dir),
            "GATEWAY_DRAIN_GRACE_S": "0.5",
        }

    def _process(self, name: str, arguments: list[str], settings: dict[str, str]) -> Process:
        environment = {**self._settings(), **settings}
        log_file = self._folder / f"{name}-{next(self._numbers)}.log"
        process = Process(arguments, environment=environment, log_file=log_file)
        self._started.append(process)
        return process


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the audits of all fault tests came to."""
    if line := totals.told():
        terminalreporter.section("held against the log")
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> ModelPromoted:
    """A bundle in a folder, and its promotion."""
    return promoted_bundle(tmp_path_factory.mktemp("bundles") / "first")


def prepare(bootstrap_servers: str, promoted: ModelPromoted) -> None:
    """The topics, and a model in Production, on a broker."""
    asyncio.run(ensure_topics(bootstrap_servers, partitions=PARTITIONS, replication=1))
    asyncio.run(_publish(bootstrap_servers, promoted))


@pytest.fixture(scope="session")
def scoring_path(
    kafka_bootstrap: str, promoted: ModelPromoted, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScoringPath]:
    """The run's broker with topics and a promoted model; nothing else runs yet."""
    prepare(kafka_bootstrap, promoted)
    path = ScoringPath(kafka_bootstrap, tmp_path_factory.mktemp("scoring-path"))
    yield path
    path.stop()


@pytest.fixture(scope="session")
def gateway_url(scoring_path: ScoringPath) -> str:
    """A gateway with a scorer behind it, both left alone by the tests that use this."""
    scoring_path.scorer()
    return scoring_path.gateway().url


@pytest.fixture
def fresh_applicant() -> Callable[[], int]:
    """Applicant ids that no other test uses."""
    return _applicants.__next__


_applicants = itertools.count(2_000_000_000)


async def _publish(bootstrap_servers: str, promoted: ModelPromoted) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
        await producer.send_and_wait(
            MODEL_PROMOTIONS.name, key=promoted.name.encode(), value=encode(promoted)
        )
