"""One application from its bytes to its answer: check, write to the log, wait for the reply.

Called by `gateway.routes`; knows no HTTP. The deadline runs from the call.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts import headers
from contracts.application import applicant_id, decode_submitted
from contracts.headers import ReplyAddress
from contracts.identity import application_id_for_key, fresh_application_id
from contracts.topics import REPLIES
from gateway.errors import NotAccepted
from gateway.log import ApplicationLog, LoggedSubmission
from gateway.metrics import GatewayMetrics
from gateway.pending import PendingReplies, Reply, State, Submission


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what it sent along with the body."""

    client_id: str
    idempotency_key: str | None
    traceparent: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply, or None when the application was accepted but not decided within the deadline."""

    application_id: str
    reply: Reply | None


class Submissions:
    """Accepts applications and waits for their decisions."""

    def __init__(
        self,
        *,
        application_log: ApplicationLog,
        pending: PendingReplies,
        reply_partition: int,
        deadline_s: float,
        metrics: GatewayMetrics,
    ) -> None:
        self._log = application_log
        self._pending = pending
        self._reply_partition = reply_partition
        self._deadline_s = deadline_s
        self._metrics = metrics

    async def submit(self, body: bytes, caller: Caller) -> Answer:
        """The answer for `body`, within the deadline.

        Raises InvalidApplication, IdempotencyConflict, TooManyInFlight, Starting or NotAccepted.
        """
        application = decode_submitted(body)
        application_id = _application_id(caller, applicant_id(application))
        request_hash = hashlib.sha256(body).hexdigest()
        submission = self._pending.submission(application_id, caller.client_id, request_hash)
        if submission.reply is not None:
            return Answer(application_id, submission.reply)
        correlation_id = uuid.uuid4().bytes
        with self._pending.waiting(submission, correlation_id) as reply:
            written = None
            if submission.state is State.SENT:
                key = str(applicant_id(application)).encode()
                written = LoggedSubmission(key, body, self._headers(submission, correlation_id, caller))
            return await self._answer(submission, written, reply)

    async def _answer(
        self, submission: Submission, written: LoggedSubmission | None, reply: asyncio.Future[Reply]
    ) -> Answer:
        try:
            async with asyncio.timeout(self._deadline_s):
                if written is not None:
                    acknowledged = await self._log.send(written)
                    acknowledged.add_done_callback(self._accepting(submission, reply))
                return Answer(submission.application_id, await reply)
        except TimeoutError:
            if submission.state is State.SENT:
                raise NotAccepted(submission.application_id) from None
            return Answer(submission.application_id, None)

    def _accepting(self, submission: Submission, reply: asyncio.Future[Reply]) -> Any:
        started = asyncio.get_running_loop().time()

        def acknowledged(future: asyncio.Future[Any]) -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None or future.cancelled():
                if not reply.done():
                    reply.set_exception(NotAccepted(submission.application_id))
                return
            self._metrics.acknowledged.observe(asyncio.get_running_loop().time() - started)
            if submission.state is State.SENT:
                submission.state = State.ACCEPTED

        return acknowledged

    def _headers(
        self, submission: Submission, correlation_id: bytes, caller: Caller
    ) -> list[tuple[str, bytes]]:
        address = ReplyAddress(correlation_id, REPLIES.name, self._reply_partition)
        submitted_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        written = [
            *address.as_headers(),
            (headers.APPLICATION_ID, submission.application_id.encode()),
            (headers.CLIENT_ID, submission.client_id.encode()),
            (headers.SUBMITTED_AT, submitted_at.encode()),
            (headers.REQUEST_HASH, submission.request_hash.encode()),
            (headers.SCHEMA_VERSION, headers.SCHEMA_VERSION_1),
        ]
        if caller.traceparent is not None:
            written.append((headers.TRACEPARENT, caller.traceparent))
        return written


def _application_id(caller: Caller, applicant: int) -> str:
    if caller.idempotency_key is None:
        return fresh_application_id()
    return application_id_for_key(
        client_id=caller.client_id, idempotency_key=caller.idempotency_key, applicant_id=applicant
    )
