"""Reading this gateway's partition of `replies`, without a group, and handing each reply over."""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import Collection

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from contracts import headers
from contracts.topics import REPLIES
from gateway.metrics import GatewayMetrics
from gateway.pending import PendingReplies, Reply
from infra.runtime.kafka import KafkaConnection

log = structlog.get_logger()

_POLL_MS = 1_000
_STATUS = re.compile(rb"[2-5][0-9]{2}")
_PROBE_TIMEOUT_S = 2.0
_PROBE_EVERY_S = 1.0


class ReplyReader:
    """Follows one partition from its end. A reply that nobody here waits for is another gateway's."""

    def __init__(self, connection: KafkaConnection, pending: PendingReplies, metrics: GatewayMetrics) -> None:
        self._connection = connection
        self._pending = pending
        self._metrics = metrics
        self._consumer: AIOKafkaConsumer | None = None
        self._partition: TopicPartition | None = None
        self.is_broker_reached = False

    async def start(self, partition: int) -> None:
        """Take `partition` from its end. Raises KafkaConnectionError when no broker answers."""
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False, auto_offset_reset="latest", **self._connection.client_options()
        )
        try:
            await consumer.start()
            self._partition = TopicPartition(REPLIES.name, partition)
            consumer.assign([self._partition])
            await consumer.seek_to_end(self._partition)
        except BaseException:
            await consumer.stop()
            raise
        self._consumer, self.is_broker_reached = consumer, True

    async def stop(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def read(self) -> None:
        """Hand replies over until cancelled; a broker that is away is waited for."""
        while self._consumer is not None:
            try:
                batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
            except KafkaError as error:
                log.warning("replies can't be read; trying again", error=type(error).__name__)
                await asyncio.sleep(0.2)
                continue
            for records in batches.values():
                for record in records:
                    self._resolve(record)

    async def probe(self) -> None:
        """Keep `is_broker_reached` true to the facts, until cancelled."""
        while self._consumer is not None and self._partition is not None:
            try:
                await asyncio.wait_for(self._consumer.end_offsets([self._partition]), _PROBE_TIMEOUT_S)
                self.is_broker_reached = True
            except (TimeoutError, KafkaError):
                self.is_broker_reached = False
            await asyncio.sleep(_PROBE_EVERY_S)

    def _resolve(self, record: ConsumerRecord) -> None:
        present = {name: value for name, value in record.headers if value is not None}
        correlation_id = present.get(headers.CORRELATION_ID, b"")
        status = present.get(headers.STATUS, b"200")
        # Others may write here too, and anything may be wrong with their records.
        if record.value is not None and _STATUS.fullmatch(status):
            reply = Reply(int(status), record.value)
            if self._pending.resolve(correlation_id, reply):
                self._metrics.reply_in_log.observe(max(0.0, time.time() - record.timestamp / 1000))


def reply_partition(partitions: Collection[int], *, wanted: int | None, instance: str) -> int:
    """The partition of `replies` for this gateway: the one asked for, or one by a hash of its name.

    Raises ValueError, naming the mend, when there is no such partition.
    """
    if not partitions:
        raise ValueError(f"there is no topic {REPLIES.name}; create it: scorestream topics ensure")
    if wanted is None:
        return sorted(partitions)[zlib.crc32(instance.encode()) % len(partitions)]
    if wanted not in partitions:
        raise ValueError(
            f"GATEWAY_REPLY_PARTITION is {wanted}, but {REPLIES.name} has {len(partitions)} partitions"
        )
    return wanted
