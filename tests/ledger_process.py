"""A real ledger process on topics of its own, and what is needed to feed and to compare it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer

from contracts.lanes import Lane
from gateway.ledger.database import open_lane
from gateway.ledger.rebuild import rows_in_order
from gateway.ledger.rules import Row
from gateway.ledger.settings import LedgerSettings
from gateway.ledger.topics import LaneTopics
from infra.runtime.kafka import KafkaConnection
from tests.e2e.processes import Process
from tests.ledger_log import Record

#: What is written where: topic, partition, record.
Written = tuple[str, int, Record]


class LedgerProcess(Process):
    """`python -m gateway.ledger` with its writers."""

    def __init__(self, settings: LedgerSettings, log_file: Path) -> None:
        super().__init__([], environment=environment_of(settings), log_file=log_file)
        self.settings = settings
        self._environment = {**self._environment, "LEDGER_PORT": str(self.port)}
        self._arguments = [sys.executable, "-m", "gateway.ledger"]

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        """One request."""
        return httpx.get(f"{self.url}{path}", params=parameters, timeout=10)

    def counts(self, lane: str = "sync") -> dict[str, Any]:
        """The lane's counts; empty while it can't say."""
        try:
            answer = self.get("/v1/counts")
        except httpx.TransportError:
            return {}
        found: dict[str, Any] = answer.json()["lanes"][lane] if answer.status_code == 200 else {}
        return found

    def wrong(self) -> dict[str, str]:
        """What /readyz says is wrong."""
        try:
            found: dict[str, str] = self.get("/readyz").json()["wrong"]
        except httpx.TransportError:
            return {"process": "does not answer"}
        return found

    def writers(self) -> dict[str, int]:
        """Process ids of its writers, by lane, as Linux has them."""
        found: dict[str, int] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = folder.joinpath("stat").read_text().rpartition(")")[2].split()[1]
                nice = folder.joinpath("stat").read_text().rpartition(")")[2].split()[16]
                arguments = folder.joinpath("cmdline").read_text()
            except OSError:
                continue
            if parent == str(self.pid) and "gateway.ledger.writer" in arguments:
                found["batch" if int(nice) > 0 else "sync"] = int(folder.name)
        return found


def ledger_settings(
    bootstrap_servers: str, fresh_topic: Callable[..., str], database_url: str, *, partitions: int = 2
) -> LedgerSettings:
    """Settings of a ledger on five fresh topics."""
    return LedgerSettings(
        kafka=KafkaConnection(bootstrap_servers=bootstrap_servers),
        database_url=database_url,
        applications_topic=fresh_topic(partitions),
        predictions_topic=fresh_topic(partitions),
        applications_batch_topic=fresh_topic(partitions),
        predictions_batch_topic=fresh_topic(partitions),
        applications_dlq_topic=fresh_topic(partitions),
    )


def produce(bootstrap_servers: str, written: Iterable[Written]) -> None:
    """Write records, those of a partition in their order."""

    async def work() -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers, enable_idempotence=True, max_batch_size=500_000
        ) as producer:
            sent = [
                await producer.send(
                    topic,
                    record.value,
                    key=record.key,
                    partition=partition,
                    headers=list(record.headers),
                    timestamp_ms=record.timestamp,
                )
                for topic, partition, record in written
            ]
            await asyncio.gather(*sent)

    asyncio.run(work())


def stored_rows(settings: LedgerSettings, lane: Lane = Lane.SYNC) -> list[Row]:
    """Every row of a lane's tables."""
    database = open_lane(settings.database_url, lane)
    rows = list(rows_in_order(database))
    database.close()
    return rows


def topics_of(settings: LedgerSettings) -> LaneTopics:
    """The sync lane's topics."""
    return settings.topics(Lane.SYNC)


def environment_of(settings: LedgerSettings) -> Mapping[str, str]:
    """The same settings as variables."""
    names = [name for name in LedgerSettings.model_fields if name not in {"kafka", "port"}]
    given = {f"LEDGER_{name.upper()}": str(getattr(settings, name)) for name in names}
    return {"KAFKA_BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers, **given}
