"""Reads the newest applications of a lane from the log a second time and looks for their rows.

Counting offsets against rows trusts the writer's own reading of the log. This does not: another
consumer, another process, ids against ids.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from contracts.lanes import Lane
from gateway.ledger.errors import Unavailable
from gateway.ledger.facts import Position
from gateway.ledger.metrics import LedgerMetrics
from gateway.ledger.progress import LogPartition, Progress
from gateway.ledger.records import read_record
from gateway.ledger.topics import LaneTopics
from infra.runtime.kafka import KafkaConnection

log = structlog.get_logger()

_EVERY_S: Final = 30.0
#: The newest so many offsets of each partition, each time.
_OFFSETS: Final = 200
_PATIENCE_S: Final = 10.0
#: Records looked at before somebody's look-up gets its turn: some milliseconds.
_AT_ONCE: Final = 20
_FETCH_BYTES: Final = 256 * 1024

Missing = Callable[[Collection[str]], Awaitable[Collection[str]]]


class Audit:
    """Of one lane. `progress` says how far its tables are, `missing` which of some ids they do not have."""

    def __init__(
        self, lane: Lane, topics: LaneTopics, connection: KafkaConnection, metrics: LedgerMetrics
    ) -> None:
        self._lane = lane
        self._topics = topics
        self._connection = connection
        self._metrics = metrics

    async def run(
        self, progress: Callable[[], Awaitable[Mapping[LogPartition, Progress]]], missing: Missing
    ) -> None:
        """Audit now and then until cancelled; what is away is left for the next time."""
        while True:
            await asyncio.sleep(_EVERY_S)
            with contextlib.suppress(Unavailable, KafkaError, TimeoutError):
                await self.once(await progress(), missing)

    async def once(self, progress: Mapping[LogPartition, Progress], missing: Missing) -> Collection[str]:
        """Audit the newest offsets that the tables say they hold; the ids without a row."""
        ids = await asyncio.wait_for(self._ids(progress), _PATIENCE_S)
        lost = await missing(ids)
        self._metrics.audited.labels(self._lane.value).inc(len(ids))
        self._metrics.audit_missing.labels(self._lane.value).inc(len(lost))
        if lost:
            log.error("applications of the log have no row", lane=self._lane.value, ids=sorted(lost)[:10])
        return lost

    async def _ids(self, progress: Mapping[LogPartition, Progress]) -> set[str]:
        spans = {
            TopicPartition(*place): (max(part.first_offset, part.next_offset - _OFFSETS), part.next_offset)
            for place, part in progress.items()
            if place.topic == self._topics.applications and part.next_offset > part.first_offset
        }
        if not spans:
            return set()
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            **self._connection.client_options(),
        )
        await consumer.start()
        try:
            consumer.assign(list(spans))
            for place, (start, _) in spans.items():
                consumer.seek(place, start)
            return await self._read(consumer, spans)
        finally:
            await consumer.stop()

    async def _read(
        self, consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, tuple[int, int]]
    ) -> set[str]:
        ids: set[str] = set()
        open_spans = set(spans)
        while open_spans:
            batches = await consumer.getmany(*open_spans, timeout_ms=500, max_records=_AT_ONCE)
            for place, records in batches.items():
                for record in records:
                    if record.offset >= spans[place][1]:
                        continue
                    fact = read_record(record, Position(0, record.partition, record.offset), self._topics)
                    if fact is not None:
                        ids.add(fact.application_id)
            await asyncio.sleep(0)  # what is fetched already is had without a pause
            for place in list(open_spans):
                if await consumer.position(place) >= spans[place][1]:
                    open_spans.discard(place)
        return ids
