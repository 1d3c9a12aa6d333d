"""The batch lane from Python: applications of any source, without a file. Part of `scorestream.client`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from contracts.identity import LOCAL_CLIENT, application_id_for_row
from infra.runtime.kafka import KafkaConnection
from scorestream.batch.row import Row
from scorestream.batch.sending import RowSender

_AT_ONCE: Final = 1_000


class BatchProducer:
    """Writes applications to the batch lane; their decisions come on `predictions-batch` and by id.

    Parameters
    ----------
    connection
        The cluster and the login; by default from KAFKA_… variables.
    client_id
        Whose applications these are.
    batch_id
        Names the batch. With the same id, the same applications in the same order are the same
        applications: a producer that was stopped sends all again and nothing is scored twice.
    """

    def __init__(
        self,
        connection: KafkaConnection | None = None,
        *,
        client_id: str = LOCAL_CLIENT,
        batch_id: str | None = None,
    ) -> None:
        self.batch_id = batch_id or str(uuid.uuid4())
        self._sender = RowSender(connection or KafkaConnection(), batch_id=self.batch_id, client_id=client_id)
        self._next_row = 0

    async def __aenter__(self) -> Self:
        await self._sender.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sender.__aexit__(kind, error, trace)

    async def send(self, applications: Iterable[Mapping[str, Any]]) -> list[str]:
        """Application ids in the order given, once the log has every application.

        What can't be decided becomes a dead letter. Raises ValueError for one without a whole-number
        SK_ID_CURR, by which it is keyed, and KafkaError for a cluster that does not take them.
        """
        source, ids = iter(applications), list[str]()
        while chosen := list(islice(source, _AT_ONCE)):
            rows = [_row(self._next_row + at, application) for at, application in enumerate(chosen)]
            await self._sender.send(rows)
            self._next_row += len(rows)
            ids += [application_id_for_row(self.batch_id, row.number) for row in rows]
        return ids


def produce_batch(
    applications: Iterable[Mapping[str, Any]],
    connection: KafkaConnection | None = None,
    *,
    client_id: str = LOCAL_CLIENT,
    batch_id: str | None = None,
) -> list[str]:
    """Send `applications` through the batch lane and return their ids; see BatchProducer."""

    async def send() -> list[str]:
        async with BatchProducer(connection, client_id=client_id, batch_id=batch_id) as producer:
            return await producer.send(applications)

    return asyncio.run(send())


def _row(number: int, application: Mapping[str, Any]) -> Row:
    applicant_id = application.get("SK_ID_CURR")
    if not isinstance(applicant_id, int) or isinstance(applicant_id, bool):
        raise ValueError(f"application {number}: SK_ID_CURR must be the applicant's id, a whole number")
    return Row(number, applicant_id, msgspec.json.encode(application))
