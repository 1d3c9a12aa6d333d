"""Where the log begins and ends: partitions of topics and their offsets, without reading records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection
from typing import Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from gateway.ledger.errors import LogUnavailable
from gateway.ledger.progress import LogPartition
from infra.runtime.kafka import KafkaConnection

T = TypeVar("T")

_PATIENCE_S: Final = 10.0


class LogEnds:
    """Asks the brokers. Every call may raise LogUnavailable."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Connect."""
        consumer = AIOKafkaConsumer(enable_auto_commit=False, **self._connection.client_options())
        try:
            await _answered(consumer.start())
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer

    async def stop(self) -> None:
        """Disconnect; a second call does nothing."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def partitions(self, topics: Collection[str]) -> list[LogPartition]:
        """All partitions of the topics; LogUnavailable names the first topic that is not there."""
        admin = AIOKafkaAdminClient(**self._connection.client_options())
        try:
            await _answered(admin.start())
            # Never by name: a cluster with auto-creation would create it.
            described = await _answered(admin.describe_topics())
        finally:
            await admin.close()
        found = {topic["topic"]: topic["partitions"] for topic in described}
        for topic in topics:
            if not found.get(topic):
                raise LogUnavailable(f"there is no topic {topic}; create it: scorestream topics ensure")
        return sorted(LogPartition(topic, part["partition"]) for topic in topics for part in found[topic])

    async def ends(self, partitions: Collection[LogPartition]) -> dict[LogPartition, int]:
        """The offset that the next record of each partition will get."""
        return _plain(await _answered(self._started().end_offsets(_client_s(partitions))))

    async def beginnings(self, partitions: Collection[LogPartition]) -> dict[LogPartition, int]:
        """The lowest offset that each partition still has."""
        return _plain(await _answered(self._started().beginning_offsets(_client_s(partitions))))

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise LogUnavailable("not connected to Kafka yet")
        return self._consumer


async def _answered(asked: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(asked, _PATIENCE_S)
    except (KafkaError, TimeoutError, OSError) as error:
        raise LogUnavailable(f"Kafka does not answer: {type(error).__name__}") from error


def _client_s(partitions: Collection[LogPartition]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in partitions]


def _plain(offsets: dict[TopicPartition, int]) -> dict[LogPartition, int]:
    return {LogPartition(place.topic, place.partition): offset for place, offset in offsets.items()}
