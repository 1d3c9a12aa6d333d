"""Asking Kafka: offsets, commits, and the timestamps of the records that wait longest.

Reads at most one record a partition, and only of partitions that have something waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contracts.lanes import Lane
from contracts.topics import TOPICS
from infra.kafka.cluster import Cluster
from infra.kafka.lag.facts import Behind, LogState, Place, Span, behind_by_place
from infra.runtime.kafka import KafkaConnection
from infra.runtime.reading import LogReader
from infra.runtime.stopping import stop_all

_STOP_TIMEOUT_S: Final = 2.0
#: One record is wanted; Kafka sends a whole batch where the first is longer.
_FETCH_BYTES: Final = 16_384
_OURS: Final = frozenset(topic.name for topic in TOPICS)


class KafkaLooking:
    """Looks at one cluster. Every call may raise KafkaError."""

    def __init__(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, groups: Sequence[str]) -> None:
        self._admin = admin
        self._consumer = consumer
        self._cluster = Cluster(admin)
        self._reader = LogReader(consumer)
        self._groups = groups
        #: By partition the offset whose timestamp is known, and that timestamp: it does not change.
        self._known: dict[Place, tuple[int, int]] = {}

    async def state(self) -> LogState:
        """What is waiting now."""
        committed = {group: await self._committed(group) for group in self._groups}
        spans = await self._spans({place for commits in committed.values() for place in commits})
        covered = {lane.consumer_group: lane.applications.name for lane in Lane}
        behind: dict[tuple[str, Place], Behind] = {}
        for group, commits in committed.items():
            found = behind_by_place(spans, commits, must_cover=covered.get(group))
            behind.update({(group, place): one for place, one in found.items()})
        oldest = {
            lane: await self._oldest({p: b for (g, p), b in behind.items() if g == lane.consumer_group})
            for lane in Lane
        }
        return LogState(spans, behind, oldest)

    async def _committed(self, group: str) -> dict[Place, int]:
        found = await self._admin.list_consumer_group_offsets(group)
        return {Place(*where): commit.offset for where, commit in found.items() if commit.offset >= 0}

    async def _spans(self, also: Iterable[Place]) -> dict[Place, Span]:
        """Offsets of our topics' partitions, and of those in `also` that exist."""
        wanted = _OURS | {place.topic for place in also}
        topics = await self._cluster.topics()
        places = [
            TopicPartition(name, partition)
            for name in sorted(wanted & topics.keys())
            for partition in range(topics[name].partitions)
        ]
        firsts, ends = await asyncio.gather(self._reader.starts(places), self._reader.ends(places))
        return {Place(*place): Span(firsts[place], ends[place]) for place in places}

    async def _oldest(self, behind: Mapping[Place, Behind]) -> int | None:
        """Timestamp, Unix milliseconds, of the record that waits longest; None when none waits."""
        waiting = {place: one.next_offset for place, one in behind.items() if one.records}
        unknown = {
            TopicPartition(place.topic, place.partition): offset
            for place, offset in waiting.items()
            if self._known.get(place, (-1, 0))[0] != offset
        }
        async for record in self._reader.records(unknown, {tp: at + 1 for tp, at in unknown.items()}):
            self._known[Place(record.topic, record.partition)] = (record.offset, record.timestamp)
        times = [self._known[place][1] for place in waiting if place in self._known]
        return min(times) if times else None


@asynccontextmanager
async def kafka_looking(connection: KafkaConnection, groups: Sequence[str]) -> AsyncIterator[KafkaLooking]:
    """Connected while the block lasts. Raises KafkaConnectionError when no broker answers."""
    options = connection.client_options()
    admin = AIOKafkaAdminClient(**options)
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
        **options,
    )
    try:
        await asyncio.gather(admin.start(), consumer.start())
        yield KafkaLooking(admin, consumer, groups)
    finally:
        await stop_all(consumer, _Closed(admin), timeout_s=_STOP_TIMEOUT_S)


class _Closed:
    """An admin client, stopped as the others are."""

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin

    async def stop(self) -> None:
        await self._admin.close()
