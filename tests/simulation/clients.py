"""What a process holds of the broker: the seams of scorer and gateway, over the broker that misbehaves."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber

from contracts.events import decode_scored
from contracts.topics import APPLICATIONS
from gateway.log import LoggedSubmission
from scorer.decision_index import LoggedPrediction
from scorer.records import OutputRecord
from tests.fake_logs import java_partition
from tests.simulation.broker import Broker, Place

_TIMEOUT_S = 0.3
_BACKOFF_S = 0.02


class Producer:
    """An idempotent producer as aiokafka's: one batch of a partition at a time, retried until it is there."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._id = broker.new_producer()
        self._next: dict[Place, int] = defaultdict(int)
        self._turns: dict[Place, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send_batch(self, place: Place, records: Sequence[OutputRecord]) -> int:
        """The base offset, -1 when the broker had the batch and forgot where; raises KafkaError."""
        async with self._turns[place]:
            sequence = self._next[place]
            self._next[place] += 1
            while True:
                base = await self._attempt(sequence, place, records)
                if base is not None:
                    return base
                await asyncio.sleep(_BACKOFF_S)

    async def _attempt(self, sequence: int, place: Place, records: Sequence[OutputRecord]) -> int | None:
        broker, chance = self._broker, self._broker.chance
        weather = chance.weather
        answer: asyncio.Future[int] = broker.loop.create_future()
        is_answered = not chance.happens(weather.lost_after)
        is_fatal = chance.happens(weather.fatal)

        def arrive() -> None:
            base = broker.append_once(self._id, sequence, place, records)
            if is_answered:
                broker.respond(answer, base)

        is_lost = chance.happens(0.5 if is_fatal else weather.lost_before)
        if not is_lost:
            broker.loop.outside(chance.delay_s(), arrive)
        if is_fatal:
            await asyncio.sleep(chance.delay_s())
            raise OutOfOrderSequenceNumber
        done, _ = await asyncio.wait({answer}, timeout=_TIMEOUT_S)
        return answer.result() if done else None


class SimulatedLog:
    """RecordLog over a Producer; `batch_records` is how many fit in a record batch."""

    def __init__(self, broker: Broker, *, batch_records: int) -> None:
        self._broker = broker
        self._producer = Producer(broker)
        self._batch_records = batch_records

    async def append(self, topic: str, partition: int, records: Sequence[OutputRecord]) -> list[int]:
        """See RecordLog."""
        size = self._batch_records
        batches = [records[at : at + size] for at in range(0, len(records), size)]
        bases = await asyncio.gather(
            *(self._producer.send_batch((topic, partition), batch) for batch in batches)
        )
        return [
            base + at if base >= 0 else -1
            for base, batch in zip(bases, batches, strict=True)
            for at in range(len(batch))
        ]

    async def partition_for(self, topic: str, key: bytes) -> int | None:
        """See RecordLog."""
        return java_partition(key, self._broker.topics[topic]) if topic in self._broker.topics else None

    async def has_partition(self, topic: str, partition: int) -> bool:
        """See RecordLog."""
        return partition < self._broker.topics.get(topic, 0)


class CarelessLog(SimulatedLog):
    """A RecordLog that does not retry for certain: what is sent may be lost, late or there twice."""

    async def append(self, topic: str, partition: int, records: Sequence[OutputRecord]) -> list[int]:
        """See RecordLog; the offsets are not known."""
        broker, chance = self._broker, self._broker.chance
        copies = 0 if chance.happens(chance.weather.reply_lost) else 1
        copies += chance.happens(chance.weather.reply_doubled)
        for _ in range(copies):
            broker.loop.outside(chance.delay_s(), broker.append, topic, partition, list(records))
        await asyncio.sleep(chance.delay_s())
        return [-1] * len(records)


class SimulatedStream:
    """PredictionStream: each question is answered by the log as it is when the question arrives."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker = broker
        self._topic = topic

    async def bounds(self, partition: int) -> tuple[int, int]:
        """See PredictionStream."""
        return await self._broker.call(lambda: (0, self._broker.end(self._topic, partition)))

    async def read(self, partition: int, start: int, stop: int) -> Sequence[LoggedPrediction]:
        """See PredictionStream."""
        records = await self._broker.call(lambda: self._broker.logs[self._topic, partition][start:stop])
        found = []
        inputs = self._broker.logs[APPLICATIONS.name, partition]
        for record in records:
            one = decode_scored(record.value or b"")
            found.append(
                LoggedPrediction(
                    offset=record.offset,
                    # On Kafka the record's time less `in_log_ms`: producers stamp when they make a record.
                    timestamp_ms=inputs[one.source.offset].timestamp_ms,
                    application_id=one.application_id,
                    request_hash=one.request_hash,
                    source_offset=one.source.offset,
                )
            )
        return found

    async def decisions_at(self, partition: int, offsets: Collection[int]) -> dict[int, bytes]:
        """See PredictionStream."""
        log = self._broker.logs[self._topic, partition]
        found = await self._broker.call(lambda: {offset: log[offset] for offset in offsets})
        return {offset: bytes(decode_scored(one.value or b"").decision) for offset, one in found.items()}


class SimulatedApplicationLog:
    """ApplicationLog over a Producer: what one turn of the loop hands over is sent one after the other."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._producer = Producer(broker)
        self._tasks: set[asyncio.Task[int]] = set()

    async def send(self, submission: LoggedSubmission) -> asyncio.Future[Any]:
        """See ApplicationLog."""
        partition = java_partition(submission.key, self._broker.topics[APPLICATIONS.name])
        record = OutputRecord(submission.key, submission.value, [*submission.headers])
        task = asyncio.create_task(self._sent((APPLICATIONS.name, partition), record))
        self._tasks.add(task)
        return task

    async def _sent(self, place: Place, record: OutputRecord) -> int:
        try:
            return await self._producer.send_batch(place, [record])
        except OutOfOrderSequenceNumber:
            self._producer = Producer(self._broker)
            raise KafkaError("the batch was refused, or so it seems") from None
