"""Applications to `applications-batch`: whole record batches, each applicant in a partition of its own.

`RowSender` is what `score-batch` and the client's BatchProducer write with. Sending the same row of the
same batch again gives the same application id, so it is the same application.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from contracts import headers
from contracts.identity import application_id_for_row
from contracts.topics import APPLICATIONS_BATCH
from infra.runtime.kafka import KafkaConnection
from scorestream.batch.row import Row

_MAX_BATCH_BYTES: Final = 900_000

Acknowledged = Callable[[Sequence[Row]], None]


class RowSender:
    """A connected producer for one batch; use it as a context manager."""

    def __init__(self, connection: KafkaConnection, *, batch_id: str, client_id: str) -> None:
        self._connection = connection
        self._batch_id = batch_id
        self._client_id = client_id
        self._partitioner = DefaultPartitioner()
        self._partitions: list[int] = []
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            max_batch_size=_MAX_BATCH_BYTES,
            compression_type="zstd",
            **self._connection.client_options(),
        )
        try:
            await producer.start()
            self._partitions = sorted(await producer.partitions_for(APPLICATIONS_BATCH.name))
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def send(self, rows: Sequence[Row], acknowledged: Acknowledged = lambda _: None) -> None:
        """Return once the log has all `rows`; `acknowledged` is told of those it has, as it has them.

        Raises KafkaError; rows that were not acknowledged may have landed all the same.
        """
        by_partition: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            key = str(row.applicant_id).encode()
            by_partition[self._partitioner(key, self._partitions, self._partitions)].append(row)
        await asyncio.gather(
            *(self._send_to(partition, part, acknowledged) for partition, part in by_partition.items())
        )

    async def _send_to(self, partition: int, rows: Sequence[Row], acknowledged: Acknowledged) -> None:
        producer = self._started()
        batch, held = producer.create_batch(), list[Row]()
        for row in rows:
            if not self._added(batch, row):
                await self._written(batch, partition)
                acknowledged(held)
                batch, held = producer.create_batch(), []
                if not self._added(batch, row):
                    raise ValueError(
                        f"row {row.number} has {len(row.application):,} bytes: too long for a record"
                    )
            held.append(row)
        await self._written(batch, partition)
        acknowledged(held)

    async def _written(self, batch: Any, partition: int) -> None:
        await (await self._started().send_batch(batch, APPLICATIONS_BATCH.name, partition=partition))

    def _added(self, batch: Any, row: Row) -> bool:
        """Whether the row is in the batch: a full builder answers None and drops it silently."""
        key, row_headers = str(row.applicant_id).encode(), self._headers(row)
        return batch.append(timestamp=None, key=key, value=row.application, headers=row_headers) is not None

    def _headers(self, row: Row) -> list[tuple[str, bytes]]:
        return [
            (headers.APPLICATION_ID, application_id_for_row(self._batch_id, row.number).encode()),
            (headers.BATCH_ID, self._batch_id.encode()),
            (headers.BATCH_ROW, str(row.number).encode()),
            (headers.CLIENT_ID, self._client_id.encode()),
            (headers.SCHEMA_VERSION, headers.SCHEMA_VERSION_1),
        ]

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("a RowSender is used as a context manager")
        return self._producer
