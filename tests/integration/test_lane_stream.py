"""A lane's stream on a real broker: nothing of the log is left out, also not what Faust loses on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from infra.runtime.kafka import KafkaConnection
from scorer import faust_seam
from scorer.app import LaneStream
from scorer.metrics import ScorerMetrics
from scorer.ownership import Ownership
from scorer.progress import Progress
from scorer.records import InputRecord
from scorer.settings import ScorerSettings
from tests.conftest import FreshTopic

pytestmark = pytest.mark.anyio

PARTITIONS = 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def topic(fresh_topic: FreshTopic) -> str:
    return fresh_topic(PARTITIONS)


class Finisher:
    """An owner that finishes what it is given, and remembers it; commits as the real one does."""

    def __init__(self, app: faust.App, topic: str) -> None:
        self.app = app
        self.progress = Progress()
        self.finished: dict[int, list[int]] = {}
        self._commit = partial(faust_seam.commit, app, topic)
        self._reached: dict[int, int] = {}

    async def take(self, partitions: set[int]) -> None:
        self.progress.restart({partition: self._reached.get(partition, 0) for partition in partitions})
        await self._commit(self.progress.owned(), "")

    async def work(self, records: Sequence[InputRecord]) -> None:
        for one in records:
            if self.progress.is_new(one.partition, one.offset):
                self.finished.setdefault(one.partition, []).append(one.offset)
                self.progress.finished(one.partition, one.offset)

    async def commit(self, *, is_leaving: bool = False) -> None:
        self._reached |= self.progress.owned()
        if self.progress.uncommitted():
            await self._commit(self.progress.uncommitted(), "")


@contextlib.asynccontextmanager
async def running(bootstrap_servers: str, group: str, topic: str) -> AsyncIterator[Finisher]:
    lane = SimpleNamespace(value="sync", applications=SimpleNamespace(name=topic))
    settings = SimpleNamespace(lane=lane, most_in_batch=64, company_s=0.002, commit_every_ms=100)
    connection = KafkaConnection(bootstrap_servers=bootstrap_servers)
    app = faust_seam.make_app(group, connection, session_timeout_s=6)
    owner = Finisher(app, topic)
    stream = LaneStream(
        app,
        cast("ScorerSettings", settings),
        ownership=cast("Ownership", owner),
        metrics=ScorerMetrics("sync"),
    )
    at_work = asyncio.create_task(stream.run())
    try:
        async with asyncio.timeout(30):
            while not stream.is_open:
                assert not at_work.done()
                await asyncio.sleep(0.02)
        yield owner
    finally:
        await stream.drain()
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)


async def produce(bootstrap_servers: str, topic: str, numbers: range) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        for number in numbers:
            await producer.send_and_wait(topic, b"v", partition=number % PARTITIONS)


async def until_finished(owner: Finisher, offsets: dict[int, range]) -> None:
    expected = {partition: list(those) for partition, those in offsets.items()}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(20):
            while owner.finished != expected:
                await asyncio.sleep(0.02)
    assert owner.finished == expected


@pytest.mark.parametrize("lost", [{0}, {1, 2}, {0, 3, 4, 7}, set(range(0, 60, 2))])
async def test_a_fetch_that_faust_loses_is_fetched_again(
    kafka_bootstrap: str,
    topic: str,
    fresh_name: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    lost: set[int],
) -> None:
    """Decisions after it would commit past it, and nobody would decide what it brought."""
    getmany, fetches = faust_seam.FetchConsumer.getmany, 0

    async def losing(self: Any, timeout: float) -> AsyncIterator[Any]:  # noqa: ASYNC109
        nonlocal fetches
        async for found in getmany(self, timeout):
            fetches += 1
            if fetches - 1 not in lost:
                yield found

    monkeypatch.setattr(faust_seam.FetchConsumer, "getmany", losing)
    async with running(kafka_bootstrap, fresh_name("group"), topic) as owner:
        await produce(kafka_bootstrap, topic, range(300))
        await until_finished(owner, {0: range(150), 1: range(150)})
    assert fetches > min(lost)


async def test_a_log_that_begins_after_what_was_committed_is_read_from_its_beginning(
    kafka_bootstrap: str, topic: str, fresh_name: Callable[[str], str]
) -> None:
    """A new group on an old topic, or scorers that were away longer than the topic keeps its records."""
    await produce(kafka_bootstrap, topic, range(100))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=30)})
    await admin.close()
    async with running(kafka_bootstrap, fresh_name("group"), topic) as owner:
        await until_finished(owner, {0: range(30, 50), 1: range(50)})
        await produce(kafka_bootstrap, topic, range(100, 110))
        await until_finished(owner, {0: range(30, 55), 1: range(55)})
