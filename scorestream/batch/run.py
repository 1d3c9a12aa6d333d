"""A file through the batch lane: send what the log has not yet, collect what comes back, write it down.

Run again after any end, it goes on: which rows were sent is read from `applications-batch`, which are
decided from `predictions-batch`, both from where the batch began. Nothing is sent twice, so nothing is
scored twice. It never reads the ledger, and it sends no faster than the lane decides.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import ConsumerRecord

from contracts import headers
from contracts.identity import application_id_for_row
from contracts.topics import APPLICATIONS_BATCH, APPLICATIONS_DLQ, PREDICTIONS_BATCH, Topic
from infra.runtime.kafka import KafkaConnection
from scorestream.batch.results import BatchResults
from scorestream.batch.rows import Row, count_rows, file_digest, rows
from scorestream.batch.state import WATCHED, BatchPaths, BatchState, Offsets, batch_id_of, load, save

_POLL_MS: Final = 500
_MAX_BATCH_BYTES: Final = 900_000


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a batch runs: at most `window` rows are sent and not decided at any time."""

    connection: KafkaConnection
    window: int
    client_id: str


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is."""

    rows: int
    sent: int
    done: int
    dead: int


Report = Callable[[BatchProgress], None]


class BatchRun:
    """One run of one batch."""

    def __init__(self, file: Path, out: Path, options: BatchOptions, report: Report) -> None:
        self._file = file
        self._paths = BatchPaths(out)
        self._options = options
        self._report = report
        self._room = asyncio.Condition()

    async def run(self) -> BatchResults:
        """The results, once every row is decided or dead and the output is written.

        Raises UnreadableFile, OtherBatch, and aiokafka's errors for a cluster that is away.
        """
        state = await self._state()
        self._results = BatchResults(state.rows)
        self._is_sent = np.zeros(state.rows, dtype=bool)
        self._batch_id = state.batch_id
        await self._find_sent(state)
        self._tell()
        collecting = asyncio.create_task(self._collect(state))
        sending = asyncio.create_task(self._send())
        try:
            # The first failure ends both: what was sent stays sent, and the next run finds it.
            await asyncio.gather(sending, collecting)
        finally:
            for task in (sending, collecting):
                task.cancel()
        await asyncio.to_thread(self._results.write, self._paths.draft, state.batch_id)
        self._paths.draft.replace(self._paths.out)
        self._paths.state.unlink()
        return self._results

    async def _state(self) -> BatchState:
        digest, count = await asyncio.to_thread(lambda: (file_digest(self._file), count_rows(self._file)))
        batch_id = batch_id_of(digest, self._paths.out)
        state = load(self._paths, batch_id)
        if state is None:
            starts = {topic.name: await self._ends(topic) for topic in WATCHED}
            state = BatchState(batch_id, count, starts)
            save(self._paths, state)
        return state

    async def _find_sent(self, state: BatchState) -> None:
        """Mark the rows that are on the log already."""
        starts = state.starts[APPLICATIONS_BATCH.name]
        ends = await self._ends(APPLICATIONS_BATCH)
        if any(ends[partition] > start for partition, start in starts.items()):
            async for record in self._records(
                {APPLICATIONS_BATCH.name: starts}, {APPLICATIONS_BATCH.name: ends}
            ):
                if (row := self._row(record)) is not None:
                    self._is_sent[row] = True

    async def _send(self) -> None:
        async with AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            max_batch_size=_MAX_BATCH_BYTES,
            compression_type="lz4",
            **self._options.connection.client_options(),
        ) as producer:
            partitions = sorted(await producer.partitions_for(APPLICATIONS_BATCH.name))
            source = rows(self._file)
            while chunk := await asyncio.to_thread(next, source, None):
                unsent = [row for row in chunk if not self._is_sent[row.number]]
                if unsent:
                    await self._wait_for_room()
                    await self._send_rows(producer, partitions, unsent)
                    self._tell()

    async def _wait_for_room(self) -> None:
        async with self._room:
            await self._room.wait_for(
                lambda: int(self._is_sent.sum()) - self._results.done < self._options.window
            )

    async def _send_rows(
        self, producer: AIOKafkaProducer, partitions: list[int], chosen: Sequence[Row]
    ) -> None:
        by_partition: dict[int, list[Row]] = defaultdict(list)
        partitioner = DefaultPartitioner()
        for row in chosen:
            by_partition[partitioner(str(row.applicant_id).encode(), partitions, partitions)].append(row)
        await asyncio.gather(
            *(self._send_to(producer, partition, part) for partition, part in by_partition.items())
        )

    async def _send_to(self, producer: AIOKafkaProducer, partition: int, chosen: Sequence[Row]) -> None:
        topic = APPLICATIONS_BATCH.name
        batch, held = producer.create_batch(), list[Row]()
        for row in chosen:
            key, row_headers = str(row.applicant_id).encode(), self._headers(row)
            if batch.append(timestamp=None, key=key, value=row.application, headers=row_headers) is None:
                await self._acknowledged(await producer.send_batch(batch, topic, partition=partition), held)
                batch, held = producer.create_batch(), []
                batch.append(timestamp=None, key=key, value=row.application, headers=row_headers)
            held.append(row)
        await self._acknowledged(await producer.send_batch(batch, topic, partition=partition), held)

    async def _acknowledged(self, sent: asyncio.Future[Any], held: Sequence[Row]) -> None:
        await sent
        self._is_sent[[row.number for row in held]] = True

    def _headers(self, row: Row) -> list[tuple[str, bytes]]:
        return [
            (headers.APPLICATION_ID, application_id_for_row(self._batch_id, row.number).encode()),
            (headers.BATCH_ID, self._batch_id.encode()),
            (headers.BATCH_ROW, str(row.number).encode()),
            (headers.CLIENT_ID, self._options.client_id.encode()),
            (headers.SCHEMA_VERSION, headers.SCHEMA_VERSION_1),
        ]

    async def _collect(self, state: BatchState) -> None:
        watched = (PREDICTIONS_BATCH.name, APPLICATIONS_DLQ.name)
        async for record in self._records({name: state.starts[name] for name in watched}):
            row = self._row(record)
            if row is None:
                continue
            if record.topic == PREDICTIONS_BATCH.name:
                self._results.decided(row, record.value)
            else:
                reason = dict(record.headers).get(headers.DLQ_REASON, b"").decode()
                self._results.put_aside(row, reason)

    def _row(self, record: ConsumerRecord) -> int | None:
        """The row that a record is about, or None when it is no record of this batch."""
        present = dict(record.headers)
        if present.get(headers.BATCH_ID, b"") != self._batch_id.encode():
            return None
        row = present.get(headers.BATCH_ROW, b"")
        return int(row) if row.isdigit() and int(row) < len(self._is_sent) else None

    async def _records(
        self, starts: dict[str, Offsets], ends: dict[str, Offsets] | None = None
    ) -> AsyncIterator[ConsumerRecord]:
        """Records from `starts` on; up to `ends`, or until every row is done."""
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **self._options.connection.client_options(),
        )
        await consumer.start()
        try:
            where = {
                TopicPartition(t, p): offset for t, found in starts.items() for p, offset in found.items()
            }
            consumer.assign(list(where))
            for partition, offset in where.items():
                consumer.seek(partition, offset)
            stops = {
                TopicPartition(t, p): end for t, found in (ends or {}).items() for p, end in found.items()
            }
            while not await self._is_over(consumer, stops):
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in records:
                        yield record
                if not stops:
                    self._tell()
                    async with self._room:
                        self._room.notify_all()
        finally:
            await consumer.stop()

    async def _is_over(self, consumer: AIOKafkaConsumer, stops: dict[TopicPartition, int]) -> bool:
        if not stops:
            return self._results.done == self._results.rows
        for partition, stop in stops.items():
            if await consumer.position(partition) < stop:
                return False
        return True

    async def _ends(self, topic: Topic) -> Offsets:
        async with AIOKafkaProducer(**self._options.connection.client_options()) as producer:
            partitions = await producer.partitions_for(topic.name)
        consumer = AIOKafkaConsumer(enable_auto_commit=False, **self._options.connection.client_options())
        await consumer.start()
        try:
            ends = await consumer.end_offsets([TopicPartition(topic.name, p) for p in partitions])
        finally:
            await consumer.stop()
        return {partition.partition: end for partition, end in ends.items()}

    def _tell(self) -> None:
        sent, results = int(self._is_sent.sum()), self._results
        self._report(BatchProgress(rows=results.rows, sent=sent, done=results.done, dead=results.dead))
