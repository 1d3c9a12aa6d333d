"""A plain Kafka client for tests: writes records as any producer would, and reads topics to their end."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.record.util import calc_crc32c

from contracts.headers import CORRELATION_ID, REPLY_PARTITION, REPLY_TOPIC, encode_partition

Headers = Sequence[tuple[str, bytes]]
Offsets = dict[int, int]

#: More than a topic takes, so that the broker decides. One batch must fit, or its records are lost together.
_MAX_REQUEST_BYTES = 20_000_000
_MAX_BATCH_BYTES = 900_000
#: In a record batch: the checksum, and what it is of.
_CRC_AT, _CHECKED_FROM = 17, 21


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies in a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> bytes | None:
        """The header's value; None unless it is there exactly once."""
        found = [value for present, value in self.headers if present == name]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Request:
    """A record to write; without a partition it goes where its key says."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the log put a request."""

    partition: int
    offset: int


def reply_headers(
    correlation_id: bytes, topic: str = "replies", partition: int | None = None
) -> list[tuple[str, bytes]]:
    """The request-reply headers, as Spring writes them."""
    headers = [(CORRELATION_ID, correlation_id), (REPLY_TOPIC, topic.encode())]
    if partition is not None:
        headers.append((REPLY_PARTITION, encode_partition(partition)))
    return headers


@dataclass(slots=True)
class KafkaClient:
    """One producer and one consumer without a group, driven from synchronous tests."""

    bootstrap_servers: str
    #: Of what is written: None, "gzip", "lz4" or "zstd".
    compression: str | None = None
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    _producer: Any = None
    _consumer: Any = None

    def __enter__(self) -> KafkaClient:
        self._runner.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._stop())
        self._runner.close()

    def send(self, topic: str, *requests: Request) -> list[Placed]:
        """Where `requests` are, once the log has them all; those of a partition in their order."""
        return self._runner.run(self._send(topic, requests))

    def send_with_header_name(self, topic: str, request: Request, name: bytes) -> None:
        """Write one more header, whose name may be no text at all: Kafka takes any bytes."""
        self._runner.run(self._send_with_header_name(topic, request, name))

    def ends(self, topic: str) -> Offsets:
        """The next offset of each partition."""
        return self._runner.run(self._ends(topic))

    def read(self, topic: str, since: Mapping[int, int]) -> list[Record]:
        """What lies between `since` and the end as of now."""
        return self._runner.run(self._read(topic, since))

    def wait_for(
        self,
        topic: str,
        since: Mapping[int, int],
        is_wanted: Callable[[Record], bool],
        *,
        count: int = 1,
        timeout_s: float = 20,
    ) -> list[Record]:
        """The wanted records after `since`, as soon as there are `count`; fails with what was there."""
        deadline = time.monotonic() + timeout_s
        while True:
            records = self.read(topic, since)
            wanted = [record for record in records if is_wanted(record)]
            if len(wanted) >= count:
                return wanted
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{len(wanted)} of {count} on {topic} after {timeout_s:g} s; there are {records}"
                )

    def wait_committed(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Wait until the group's committed offsets have reached `offsets`."""
        deadline = time.monotonic() + 20
        while True:
            committed = self._runner.run(self._committed(group, topic))
            if all(committed.get(partition, 0) >= offset for partition, offset in offsets.items()):
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"{group} has committed {committed}, not {dict(offsets)}")

    def commit(self, group: str, topic: str, placed: Placed) -> None:
        """Make `placed` the next record of its partition for a group that nobody is in."""
        self._runner.run(self._commit(group, topic, placed))

    async def _start(self) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers,
            acks="all",
            max_request_size=_MAX_REQUEST_BYTES,
            max_batch_size=_MAX_BATCH_BYTES,
            compression_type=self.compression,
        )
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_MAX_REQUEST_BYTES,
            # Each read starts anew, and first waits for the fetch that the one before left waiting.
            fetch_max_wait_ms=5,
        )
        await self._producer.start()
        await self._consumer.start()

    async def _stop(self) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def _send(self, topic: str, requests: Sequence[Request]) -> list[Placed]:
        # One after the other into the producer's batches: a partition's order is the order here.
        acknowledged = [
            await self._producer.send(
                topic,
                value=request.value,
                key=request.key,
                headers=list(request.headers),
                partition=request.partition,
            )
            for request in requests
        ]
        placed = await asyncio.gather(*acknowledged)
        return [Placed(record.partition, record.offset) for record in placed]

    async def _partitions(self, topic: str) -> list[TopicPartition]:
        numbers = await self._producer.partitions_for(topic)
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    async def _send_with_header_name(self, topic: str, request: Request, name: bytes) -> None:
        stand_in = "n" * len(name)
        batch = self._producer.create_batch()
        headers = [*request.headers, (stand_in, b"")]
        batch.append(timestamp=None, key=request.key, value=request.value, headers=headers)
        batch.close()
        raw = bytearray(batch._build().replace(stand_in.encode(), name))
        struct.pack_into(">I", raw, _CRC_AT, calc_crc32c(bytes(raw[_CHECKED_FROM:])))
        batch._buffer = raw
        await (await self._producer.send_batch(batch, topic, partition=request.partition or 0))

    async def _ends(self, topic: str) -> Offsets:
        ends = await self._consumer.end_offsets(await self._partitions(topic))
        return {partition.partition: offset for partition, offset in ends.items()}

    async def _read(self, topic: str, since: Mapping[int, int]) -> list[Record]:
        ends = await self._ends(topic)
        left = {number: end for number, end in ends.items() if since.get(number, 0) < end}
        if not left:
            await asyncio.sleep(0.02)
            return []
        partitions = [TopicPartition(topic, number) for number in left]
        self._consumer.assign(partitions)
        for partition in partitions:
            self._consumer.seek(partition, since.get(partition.partition, 0))
        records: list[Record] = []
        while any([await self._consumer.position(each) < left[each.partition] for each in partitions]):
            for batch in (await self._consumer.getmany(timeout_ms=200)).values():
                records += [_record(each) for each in batch]
        return [record for record in records if record.offset < left[record.partition]]

    async def _commit(self, group: str, topic: str, placed: Placed) -> None:
        partition = TopicPartition(topic, placed.partition)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers, group_id=group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign([partition])
            await consumer.commit({partition: placed.offset})
        finally:
            await consumer.stop()

    async def _committed(self, group: str, topic: str) -> Offsets:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(group)
        finally:
            await admin.close()
        return {each.partition: at.offset for each, at in found.items() if each.topic == topic}


def _record(found: Any) -> Record:
    return Record(
        found.topic, found.partition, found.offset, found.key, found.value, tuple(found.headers or ())
    )
