"""Reading ranges of topics without a group: for tools that look at the log, not services that follow it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from infra.runtime.kafka import KafkaConnection
from infra.runtime.stopping import stop_all

_POLL_MS: Final = 500
_STOP_TIMEOUT_S: Final = 10.0

Offsets = dict[TopicPartition, int]


class LogReader:
    """Offsets and records of topics, by partition."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """The topic's partitions in order; none when there is no such topic."""
        await self._consumer.topics()
        if topic not in await self._consumer.topics():
            return []
        # A consumer without a subscription learns of a topic's partitions by working on one.
        self._consumer.assign([TopicPartition(topic, 0)])
        await self._consumer.end_offsets([TopicPartition(topic, 0)])
        return [TopicPartition(topic, p) for p in sorted(self._consumer.partitions_for_topic(topic) or ())]

    async def starts(self, partitions: list[TopicPartition]) -> Offsets:
        """First offset that is still there."""
        return dict(await self._consumer.beginning_offsets(partitions)) if partitions else {}

    async def ends(self, partitions: list[TopicPartition]) -> Offsets:
        """Offset that the next record will get."""
        return dict(await self._consumer.end_offsets(partitions)) if partitions else {}

    async def at_time(self, partitions: list[TopicPartition], unix_ms: int) -> Offsets:
        """Offset of the first record at or after the moment; the end where there is none."""
        found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, unix_ms))
        ends = await self.ends(partitions)
        return {tp: ends[tp] if where is None else where.offset for tp, where in found.items()}

    async def records(self, starts: Offsets, stops: Offsets) -> AsyncIterator[ConsumerRecord]:
        """The records with start ≤ offset < stop, in order within each partition."""
        left = {tp for tp in starts if starts[tp] < stops[tp]}
        if not left:
            return  # a consumer with an empty assignment never stops
        self._consumer.assign(sorted(left))
        for tp in left:
            self._consumer.seek(tp, starts[tp])
        while left:
            for records in (await self._consumer.getmany(*left, timeout_ms=_POLL_MS)).values():
                for record in records:
                    if record.offset < stops[TopicPartition(record.topic, record.partition)]:
                        yield record
            left = {tp for tp in left if await self._consumer.position(tp) < stops[tp]}

    async def follow(
        self, starts: Offsets, *, max_records: int | None = None
    ) -> AsyncGenerator[list[ConsumerRecord]]:
        """The records from `starts` on, for ever, as they come; an empty list when none came for a while.

        Where retention has removed the next record, it goes on with the first that is there.
        """
        self._consumer.assign(sorted(starts))
        for tp, offset in starts.items():
            self._consumer.seek(tp, offset)
        while True:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=max_records)
            yield [record for records in batches.values() for record in records]


@asynccontextmanager
async def log_reader(connection: KafkaConnection) -> AsyncIterator[LogReader]:
    """A LogReader while the block lasts. Raises KafkaConnectionError when no broker answers."""
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False, auto_offset_reset="earliest", **connection.client_options()
    )
    try:
        await consumer.start()
        yield LogReader(consumer)
    finally:
        await stop_all(consumer, timeout_s=_STOP_TIMEOUT_S)
