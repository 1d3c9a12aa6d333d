"""A file through the batch lane: send what the log has not yet, collect what comes back, write it down.

Run again after any end, it goes on: which rows were sent is read from `applications-batch`, which are
decided from `predictions-batch`, both from where the batch began. Nothing is sent twice, so nothing is
scored twice. It never reads the ledger, and it sends no faster than the lane decides.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from contracts import headers
from contracts.topics import APPLICATIONS_BATCH, APPLICATIONS_DLQ, PREDICTIONS_BATCH, Topic
from infra.runtime.kafka import KafkaConnection
from infra.runtime.reading import log_reader
from scorestream.batch.results import BatchResults
from scorestream.batch.row import Row
from scorestream.batch.rows import count_rows, file_digest, rows
from scorestream.batch.sending import RowSender
from scorestream.batch.state import WATCHED, BatchPaths, BatchState, Offsets, load, save


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
        state = load(self._paths, digest)
        if state is None:
            starts = await self._ends()
            state = BatchState(str(uuid.uuid4()), digest, count, starts)
            save(self._paths, state)
        return state

    async def _ends(self) -> dict[str, Offsets]:
        """End offsets of the watched topics, by topic and partition."""
        async with log_reader(self._options.connection) as reader:
            return {
                topic.name: {
                    tp.partition: end
                    for tp, end in (await reader.ends(await reader.partitions(topic.name))).items()
                }
                for topic in WATCHED
            }

    async def _find_sent(self, state: BatchState) -> None:
        """Mark the rows that are on the log already."""
        starts = _offsets(APPLICATIONS_BATCH, state)
        async with log_reader(self._options.connection) as reader:
            async for record in reader.records(starts, await reader.ends(list(starts))):
                if (row := self._row(record)) is not None:
                    self._is_sent[row] = True

    async def _send(self) -> None:
        options = self._options
        sender = RowSender(options.connection, batch_id=self._batch_id, client_id=options.client_id)
        async with sender:
            source = rows(self._file)
            while chunk := await asyncio.to_thread(next, source, None):
                unsent = [row for row in chunk if not self._is_sent[row.number]]
                if unsent:
                    await self._wait_for_room()
                    await sender.send(unsent, self._acknowledged)
                    self._tell()

    def _acknowledged(self, held: Sequence[Row]) -> None:
        self._is_sent[[row.number for row in held]] = True

    async def _wait_for_room(self) -> None:
        async with self._room:
            await self._room.wait_for(
                lambda: int(self._is_sent.sum()) - self._results.done < self._options.window
            )

    async def _collect(self, state: BatchState) -> None:
        starts = {**_offsets(PREDICTIONS_BATCH, state), **_offsets(APPLICATIONS_DLQ, state)}
        async with log_reader(self._options.connection) as reader:
            async for records in reader.follow(starts):
                for record in records:
                    self._take(record)
                self._tell()
                async with self._room:
                    self._room.notify_all()
                if self._results.done == self._results.rows:
                    return

    def _take(self, record: ConsumerRecord) -> None:
        row = self._row(record)
        if row is None:
            return
        if record.topic == PREDICTIONS_BATCH.name:
            self._results.decided(row, record.value)
        else:
            self._results.put_aside(row, dict(record.headers).get(headers.DLQ_REASON, b"").decode())

    def _row(self, record: ConsumerRecord) -> int | None:
        """The row that a record is about, or None when it is no record of this batch."""
        present = dict(record.headers)
        if present.get(headers.BATCH_ID, b"") != self._batch_id.encode():
            return None
        row = present.get(headers.BATCH_ROW, b"")
        return int(row) if row.isdigit() and int(row) < len(self._is_sent) else None

    def _tell(self) -> None:
        sent, results = int(self._is_sent.sum()), self._results
        self._report(BatchProgress(rows=results.rows, sent=sent, done=results.done, dead=results.dead))


def _offsets(topic: Topic, state: BatchState) -> dict[TopicPartition, int]:
    return {TopicPartition(topic.name, p): offset for p, offset in state.starts[topic.name].items()}
