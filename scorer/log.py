"""Writing to Kafka in record batches: one produce request per micro-batch and partition.

`RecordLog` is the seam the lane worker sees; `KafkaRecordLog` is aiokafka. A batch holds what
arrived together, because a produce request per record costs ten times the work it carries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from infra.runtime.kafka import KafkaConnection
from scorer.records import OutputRecord

#: Below the topics' limit of 1 MiB, with room for the batch's own header.
_MAX_BATCH_BYTES: Final = 900_000
#: A dead letter carries an input of up to 1 MiB and our headers.
_MAX_REQUEST_BYTES: Final = 2_000_000
_METADATA_TIMEOUT_S: Final = 2.0


class RecordLog(Protocol):
    """Durable, ordered writing of records to one partition."""

    async def append(self, topic: str, partition: int, records: Sequence[OutputRecord]) -> list[int]:
        """Write `records` in order; the offset of each, once the log has them all.

        An offset is negative when the broker had the record before and did not say where.
        """

    async def partition_for(self, topic: str, key: bytes) -> int | None:
        """The partition that Java's default partitioner gives `key`; None if the topic is not there."""

    async def has_partition(self, topic: str, partition: int) -> bool:
        """Whether the topic is there and has the partition."""


class KafkaRecordLog:
    """RecordLog over one aiokafka producer.

    A durable log is idempotent with acks=all. Replies take a producer of their own (`durable=False`,
    the leader's acknowledgement), since a producer has one request in flight per broker and
    a reply must not wait behind the next predictions.
    """

    def __init__(self, connection: KafkaConnection, *, durable: bool) -> None:
        self._options: dict[str, Any] = {
            **connection.client_options(),
            "acks": "all" if durable else 1,
            "enable_idempotence": durable,
            # Replies are small and soon gone. aiokafka's lz4 runs at its slowest level: 4x zstd's time.
            "compression_type": "zstd" if durable else None,
            "max_batch_size": _MAX_BATCH_BYTES,
            "max_request_size": _MAX_REQUEST_BYTES,
            "linger_ms": 0,
        }
        self._producer: AIOKafkaProducer | None = None
        self._partitioner = DefaultPartitioner()

    async def start(self) -> None:
        """Connect. Raises aiokafka's KafkaConnectionError when no broker answers."""
        producer = AIOKafkaProducer(**self._options)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Flush what is under way and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def append(self, topic: str, partition: int, records: Sequence[OutputRecord]) -> list[int]:
        """See RecordLog. Waits for a broker that is away; raises KafkaError for what no wait mends."""
        producer = self._started()
        sent: list[tuple[int, asyncio.Future[Any]]] = []
        batch = producer.create_batch()
        for record in records:
            if not _added(batch, record):
                sent.append(
                    (batch.record_count(), await producer.send_batch(batch, topic, partition=partition))
                )
                batch = producer.create_batch()
                if not _added(batch, record):
                    size = len(record.value or b"")
                    raise ValueError(f"a record of {size} bytes does not fit in an empty batch")
        sent.append((batch.record_count(), await producer.send_batch(batch, topic, partition=partition)))
        return [offset for count, done in sent for offset in _offsets((await done).offset, count)]

    async def partition_for(self, topic: str, key: bytes) -> int | None:
        """See RecordLog."""
        partitions = await self._partitions(topic)
        if not partitions:
            return None
        partition: int = self._partitioner(key, partitions, partitions)
        return partition

    async def has_partition(self, topic: str, partition: int) -> bool:
        """See RecordLog."""
        return partition in await self._partitions(topic)

    async def partition_count(self, topic: str) -> int:
        """Partitions of a topic; 0 when there is none."""
        return len(await self._partitions(topic))

    async def _partitions(self, topic: str) -> list[int]:
        try:
            found = await asyncio.wait_for(self._started().partitions_for(topic), _METADATA_TIMEOUT_S)
        except (TimeoutError, KafkaError):  # not there, or not ours to see
            return []
        return sorted(found)

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("KafkaRecordLog.start() was not awaited")
        return self._producer


def _added(batch: Any, record: OutputRecord) -> bool:
    """Whether the record is in the batch: a full builder answers None and drops it silently."""
    return (
        batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is not None
    )


def _offsets(base: int, count: int) -> list[int]:
    return list(range(base, base + count)) if base >= 0 else [-1] * count
