"""Reading back what was written to a predictions partition: for takeovers and for recorded decisions.

`PredictionStream` is the seam; `KafkaPredictionStream` is one aiokafka consumer without a group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.events import SourceRecord, Timings, decode_scored
from infra.runtime.kafka import KafkaConnection
from scorer.decision_index import LoggedPrediction

_POLL_MS = 1_000
#: What is read is known to be there. At the log's end the broker would hold a fetch back for half a second,
#: and the next read, elsewhere, waits for its answer.
_FETCH_WAIT_MS = 20
#: Reading so many records more costs less than another request.
_NEAR_RECORDS = 200


class _Essence(msgspec.Struct):
    """The few fields of ApplicationScored that an index needs; the rest is skipped over."""

    application_id: str
    request_hash: str
    source: SourceRecord
    timings: Timings


_essence_decoder = msgspec.json.Decoder(_Essence)


class PredictionStream(Protocol):
    """A lane's predictions, by partition and offset."""

    async def bounds(self, partition: int) -> tuple[int, int]:
        """First offset that is still there, and the offset that the next record will get."""

    async def read(self, partition: int, start: int, stop: int) -> Sequence[LoggedPrediction]:
        """The predictions with `start` ≤ offset < `stop`, in order."""

    async def decisions_at(self, partition: int, offsets: Collection[int]) -> dict[int, bytes]:
        """The decision documents of the predictions at `offsets`, byte for byte as they were recorded.

        An offset that retention has taken is left out.
        """


class KafkaPredictionStream:
    """PredictionStream over one consumer; its calls take turns."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._consumer: AIOKafkaConsumer | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises aiokafka's KafkaConnectionError when no broker answers."""
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=8 << 20,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            **self._connection.client_options(),
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer

    async def stop(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def bounds(self, partition: int) -> tuple[int, int]:
        """See PredictionStream."""
        where = TopicPartition(self._topic, partition)
        async with self._turn:
            first = await self._started().beginning_offsets([where])
            end = await self._started().end_offsets([where])
        return first[where], end[where]

    async def read(self, partition: int, start: int, stop: int) -> Sequence[LoggedPrediction]:
        """See PredictionStream. A record that is no prediction is skipped: it decides nothing."""
        found: list[LoggedPrediction] = []
        for record in await self._records(partition, start, stop):
            try:
                essence = _essence_decoder.decode(record.value or b"")
            except msgspec.MsgspecError:
                continue
            found.append(
                LoggedPrediction(
                    offset=record.offset,
                    timestamp_ms=record.timestamp - int(essence.timings.in_log_ms),
                    application_id=essence.application_id,
                    request_hash=essence.request_hash,
                    source_offset=essence.source.offset,
                )
            )
        return found

    async def decisions_at(self, partition: int, offsets: Collection[int]) -> dict[int, bytes]:
        """See PredictionStream. Offsets near each other are read in one go."""
        found: dict[int, bytes] = {}
        for start, stop in _ranges(sorted(offsets)):
            for record in await self._records(partition, start, stop):
                if record.offset in offsets:
                    found[record.offset] = bytes(decode_scored(record.value).decision)
        return found

    async def _records(self, partition: int, start: int, stop: int) -> list[Any]:
        where = TopicPartition(self._topic, partition)
        found: list[Any] = []
        async with self._turn:
            consumer = self._started()
            consumer.assign([where])
            consumer.seek(where, start)
            while (await consumer.position(where)) < stop:
                batches = await consumer.getmany(where, timeout_ms=_POLL_MS)
                found += [record for records in batches.values() for record in records]
            consumer.pause(where)  # until the next read: nobody wants what comes after
        return [record for record in found if start <= record.offset < stop]

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("KafkaPredictionStream.start() was not awaited")
        return self._consumer


def _ranges(offsets: Sequence[int]) -> list[tuple[int, int]]:
    """`offsets`, ascending, as few ranges [start, stop) that read little more than what is asked for."""
    ranges: list[tuple[int, int]] = []
    for offset in offsets:
        if ranges and offset - ranges[-1][1] < _NEAR_RECORDS:
            ranges[-1] = (ranges[-1][0], offset + 1)
        else:
            ranges.append((offset, offset + 1))
    return ranges
