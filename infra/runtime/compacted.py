"""Follow a compacted control topic without a group: every process sees every record.

Used by the scorer and the gateway for `model-promotions` and `feature-snapshots`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from contracts.topics import Topic
from infra.runtime.kafka import KafkaConnection

_POLL_MS = 500


class ControlTopic:
    """The records of a control topic: first the newest per key, then each as it is written."""

    def __init__(self, topic: Topic, connection: KafkaConnection) -> None:
        self._topic = topic
        self._partition = TopicPartition(topic.name, 0)
        self._connection = connection
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Connect and take the topic's only partition from its beginning. Raises KafkaError."""
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False, auto_offset_reset="earliest", **self._connection.client_options()
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        consumer.assign([self._partition])
        await consumer.seek_to_beginning(self._partition)
        self._consumer = consumer

    async def stop(self) -> None:
        """Disconnect; a second call does nothing."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def newest(self) -> dict[bytes, bytes]:
        """The newest value of each key that was on the topic when this was called.

        A broker that is away is waited for.
        """
        consumer = self._started()
        values: dict[bytes, bytes] = {}
        while True:
            try:
                end = (await consumer.end_offsets([self._partition]))[self._partition]
                while await consumer.position(self._partition) < end:
                    values.update(await self._poll(consumer))
            except KafkaError:
                await asyncio.sleep(_POLL_MS / 1000)
            else:
                return values

    async def changes(self) -> AsyncIterator[tuple[bytes, bytes]]:
        """Key and value of each record from here on; a broker that is away is waited for."""
        consumer = self._started()
        while True:
            try:
                records = await self._poll(consumer)
            except KafkaError:
                await asyncio.sleep(_POLL_MS / 1000)
                continue
            for key, value in records.items():
                yield key, value

    async def _poll(self, consumer: AIOKafkaConsumer) -> dict[bytes, bytes]:
        batches = await consumer.getmany(self._partition, timeout_ms=_POLL_MS)
        return {
            record.key: record.value
            for records in batches.values()
            for record in records
            if record.key is not None and record.value is not None
        }

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("ControlTopic.start() was not awaited")
        return self._consumer
