"""A gateway on the simulated broker: the real submissions, and its partition of `replies`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from contracts.problems import InvalidApplication
from contracts.topics import REPLIES
from gateway.errors import (
    GatewayError,
    IdempotencyConflict,
    LedgerUnavailable,
    NotAccepted,
    Starting,
    TooManyInFlight,
)
from gateway.ledger_client import Ledger
from gateway.metrics import GatewayMetrics
from gateway.pending import PendingReplies
from gateway.replies import ReplyReader
from gateway.submissions import Answer, Caller, KeyLookUp, Submissions
from tests.simulation.clients import SimulatedApplicationLog
from tests.simulation.virtual_time import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

DEADLINE_S = 0.18
_STATUS: dict[type[GatewayError], int] = {
    IdempotencyConflict: 409,
    TooManyInFlight: 429,
    LedgerUnavailable: 503,
    NotAccepted: 503,
    Starting: 503,
}


@dataclass(frozen=True, slots=True)
class Http:
    """An answer as it reaches the client; status None for a connection that broke."""

    status: int | None
    application_id: str | None = None
    document: bytes | None = None


class GatewayProcess:
    """One gateway process."""

    def __init__(self, world: World, process: Process, *, partition: int, ledger: Ledger) -> None:
        self._world = world
        self.process = process
        self._partition = partition
        self.pending: PendingReplies = world.parts.pending(max_in_flight=200, recent_max=500)
        metrics = GatewayMetrics()
        self.submissions: Submissions = world.parts.submissions(
            application_log=SimulatedApplicationLog(world.broker),
            pending=self.pending,
            reply_partition=partition,
            deadline_s=DEADLINE_S,
            metrics=metrics,
            keys=KeyLookUp(ledger, is_required=True),
        )
        self._reader = ReplyReader(cast(Any, None), self.pending, metrics)
        self._start = world.broker.end(REPLIES.name, partition)
        self._open: set[Callable[[], None]] = set()

    async def read(self) -> None:
        """Hand replies over for ever, from the end that the partition had at the start."""
        position = self._start
        while True:
            records = await self._world.broker.fetch(REPLIES.name, {self._partition: position}, 50)
            for record in records:
                position = record.offset + 1
                self._reader._resolve(cast(Any, record))

    def post(self, body: bytes, caller: Caller, answer: asyncio.Future[Http]) -> None:
        """Take a request in; the answer leaves the process only while it runs."""
        if self.process.is_dead:
            self._world.broker.respond(answer, Http(None))
            return
        task = self.process.start(self._answered(body, caller))

        def done(task: asyncio.Task[Http]) -> None:
            self._open.discard(broken)
            self._world.broker.respond(answer, task.result())

        def broken() -> None:
            self._world.broker.respond(answer, Http(None))

        self._open.add(broken)
        self.process.tell(task, done)
        self.process.on_death.append(lambda: broken() if broken in self._open else None)

    async def _answered(self, body: bytes, caller: Caller) -> Http:
        try:
            answer = await self.submit(body, caller)
        except GatewayError as error:
            return Http(_STATUS[type(error)], getattr(error, "application_id", None))
        except InvalidApplication:
            return Http(422)
        if answer.reply is None:
            return Http(202, answer.application_id)
        return Http(answer.reply.status, answer.application_id, answer.reply.document)

    async def submit(self, body: bytes, caller: Caller) -> Answer:
        """See Submissions."""
        return await self.submissions.submit(body, caller)
