"""The scorer's log on a real broker: the rules that the fake passes too, and what only Kafka has."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import KafkaConnectionError

from contracts.topics import APPLICATIONS, APPLICATIONS_DLQ
from infra.kafka.ports import free_ports
from infra.runtime.kafka import KafkaConnection
from scorer.documents import dead_letter
from scorer.intake import Rejected, take_in
from scorer.log import KafkaRecordLog
from scorer.records import InputRecord, OutputRecord
from tests.conftest import FreshTopic
from tests.integration.kafka_reading import read
from tests.log_rules import PARTITIONS, RecordLogRules

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class OnKafka:
    def __init__(self, log: KafkaRecordLog, topic: str, bootstrap_servers: str) -> None:
        self.log = log
        self.topic = topic
        self._bootstrap_servers = bootstrap_servers

    async def records(self, partition: int) -> list[OutputRecord]:
        found = await read(self._bootstrap_servers, self.topic, partition)
        return [OutputRecord(one.key, one.value, list(one.headers)) for one in found]


@pytest.fixture
def topic(fresh_topic: FreshTopic) -> str:
    return fresh_topic(PARTITIONS)


class _OnKafka(RecordLogRules):
    durable: bool

    @pytest.fixture
    async def place(self, kafka_bootstrap: str, topic: str) -> AsyncIterator[OnKafka]:
        log = KafkaRecordLog(KafkaConnection(bootstrap_servers=kafka_bootstrap), durable=self.durable)
        await log.start()
        yield OnKafka(log, topic, kafka_bootstrap)
        await log.stop()


class TestDurableLog(_OnKafka):
    durable = True


class TestReplyLog(_OnKafka):
    durable = False


async def test_without_a_broker_starting_says_so_and_leaves_nothing_open() -> None:
    (port,) = free_ports(1)
    log = KafkaRecordLog(KafkaConnection(bootstrap_servers=f"127.0.0.1:{port}"), durable=True)
    with pytest.raises(KafkaConnectionError):
        await log.start()
    with pytest.raises(RuntimeError, match="was not awaited"):
        await log.append("predictions", 0, [OutputRecord(b"k", b"v", [])])
    await log.stop()


@pytest.fixture
def dead_letters(fresh_topic: FreshTopic) -> str:
    return fresh_topic(1, config=APPLICATIONS_DLQ.config())


@pytest.mark.parametrize("place_of_it", ["value", "key", "header"])
async def test_the_largest_input_that_its_topic_takes_fits_among_the_dead_letters(
    kafka_bootstrap: str, dead_letters: str, place_of_it: str
) -> None:
    # A dead letter that the broker refuses would end the scorer, again and again, at the same input.
    large = os.urandom(APPLICATIONS.max_message_bytes - 200)
    poison = take_in(
        InputRecord(
            APPLICATIONS.name,
            partition=0,
            offset=1,
            key=large if place_of_it == "key" else b"100002",
            value=large if place_of_it == "value" else b"{}",
            headers={"other": large} if place_of_it == "header" else {},
            timestamp_ms=0,
        ),
        reply_topics=frozenset({"replies"}),
        max_value_bytes=65_536,
    )
    assert isinstance(poison, Rejected)
    log = KafkaRecordLog(KafkaConnection(bootstrap_servers=kafka_bootstrap), durable=True)
    await log.start()
    letter = dead_letter(poison, attempts=1, first_seen="2026-11-24T09:00:00.000Z")
    assert await log.append(dead_letters, 0, [letter]) == [0]
    (written,) = await read(kafka_bootstrap, dead_letters, 0)
    assert written.value == letter.value
    await log.stop()
