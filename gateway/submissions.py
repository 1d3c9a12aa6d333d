"""One application from its bytes to its answer: check, write to the log, wait for the reply.

Called by `gateway.routes`; knows no HTTP. The deadline runs from the call.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from contracts import headers
from contracts.application import applicant_id, decode_submitted
from contracts.headers import ReplyAddress
from contracts.identity import application_id_for_key, fresh_application_id
from contracts.topics import REPLIES
from gateway.errors import IdempotencyConflict, LedgerUnavailable, NotAccepted
from gateway.ledger_client import KeyUse, Ledger, key_hash
from gateway.log import ApplicationLog, LoggedSubmission
from gateway.metrics import GatewayMetrics
from gateway.pending import PendingReplies, Reply, State, Submission


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what it sent along with the body."""

    client_id: str
    idempotency_key: str | None
    traceparent: bytes | None


class KeyLookUp:
    """What a client's own key was used for before, as the ledger has it.

    Without a ledger nothing is known beyond this process. With one that can't be asked, a request with a
    key is turned away, unless `is_required` is off: it could be a second decision. Copies that come while
    the ledger is being asked wait for the one answer: if it is older than a copy, the application is one.
    """

    def __init__(self, ledger: Ledger | None, *, is_required: bool) -> None:
        self._ledger = ledger
        self._is_required = is_required
        self._asking: dict[tuple[str, str, str], asyncio.Future[KeyUse | None]] = {}

    async def use(self, caller: Caller, submission: Submission) -> KeyUse | None:
        """What the caller's key was used for, which is this submission; None when that is not known.

        Raises IdempotencyConflict when the key was used for other bytes or another applicant, and
        LedgerUnavailable.
        """
        if self._ledger is None or caller.idempotency_key is None:
            return None
        try:
            wanted = caller.client_id, caller.idempotency_key, submission.application_id
            use = await self._asked(self._ledger, wanted)
        except LedgerUnavailable:
            if self._is_required:
                raise
            return None
        if use is None:
            return None
        is_other = use.application_id != submission.application_id
        if is_other or use.request_hash not in {None, submission.request_hash}:
            raise IdempotencyConflict(use.application_id)
        return use

    async def _asked(self, ledger: Ledger, wanted: tuple[str, str, str]) -> KeyUse | None:
        asking = self._asking.get(wanted)
        if asking is None:
            asking = self._asking[wanted] = asyncio.ensure_future(ledger.key_use(*wanted))
            asking.add_done_callback(partial(self._answered, wanted))
        return await asyncio.shield(asking)  # who gives up takes the answer from nobody

    def _answered(self, wanted: tuple[str, str, str], asking: asyncio.Future[KeyUse | None]) -> None:
        del self._asking[wanted]
        if not asking.cancelled():
            asking.exception()  # seen, also where nobody waits any more


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
        keys: KeyLookUp,
    ) -> None:
        self._log = application_log
        self._keys = keys
        self._pending = pending
        self._reply_partition = reply_partition
        self._deadline_s = deadline_s
        self._metrics = metrics
        #: Applications that the log did not take in time since it last took one.
        self.unacknowledged_in_a_row = 0

    async def submit(self, body: bytes, caller: Caller) -> Answer:
        """The answer for `body`, within the deadline.

        Raises InvalidApplication, IdempotencyConflict, TooManyInFlight, Starting, LedgerUnavailable or
        NotAccepted.
        """
        deadline = asyncio.get_running_loop().time() + self._deadline_s
        application = decode_submitted(body)
        application_id = _application_id(caller, applicant_id(application))
        request_hash = hashlib.sha256(body).hexdigest()
        wanted = Submission(application_id, caller.client_id, request_hash)
        submission = wanted
        if caller.idempotency_key is not None:  # else the id is new, and nobody knows anything of it
            try:
                async with asyncio.timeout_at(deadline):
                    submission = await self._known(wanted, caller)
            except TimeoutError:
                raise LedgerUnavailable("the ledger does not answer in time; try again shortly") from None
        if submission.reply is not None:
            return Answer(application_id, submission.reply)
        correlation_id = None if submission.is_under_way else secrets.token_bytes(16)
        with self._pending.waiting(submission, correlation_id) as reply:
            written = None
            if correlation_id is not None:
                key = str(applicant_id(application)).encode()
                written = LoggedSubmission(key, body, self._headers(submission, correlation_id, caller))
            return await self._answer(submission, written, reply, deadline)

    async def _known(self, wanted: Submission, caller: Caller) -> Submission:
        """The submission with all that is known of it: here, and by the ledger where that may say more."""
        submission = await self._submission(wanted, caller)
        if submission.is_decided or submission.is_awaited:
            return submission
        # Also who waits for the ledger takes a place: what is too much is turned away before it costs much.
        with self._pending.place():
            return await self._looked_up(caller, submission)

    async def _submission(self, wanted: Submission, caller: Caller) -> Submission:
        """The submission as it is known here. Raises IdempotencyConflict.

        What this gateway remembers of an id may be bytes that came second and have not heard of it, so before
        others are turned away for them the ledger is asked whose the id is.
        """
        pending, wanted_id = self._pending, wanted.application_id
        try:
            return pending.submission(wanted_id, wanted.client_id, wanted.request_hash)
        except IdempotencyConflict:
            if not pending.may_be_wrong(wanted_id) or await self._keys.use(caller, wanted) is None:
                raise
        if pending.may_be_wrong(wanted_id):
            pending.disown(wanted_id)
        return pending.submission(wanted_id, wanted.client_id, wanted.request_hash)

    async def _looked_up(self, caller: Caller, submission: Submission) -> Submission:
        """The submission with what the ledger knows of it: a reply may be lost, or another gateway's."""
        use = await self._keys.use(caller, submission)
        # While the ledger was asked a copy of this request may have come: both are one submission.
        submission = self._pending.submission(
            submission.application_id, submission.client_id, submission.request_hash
        )
        if caller.idempotency_key is not None:
            self._pending.claim_key(
                caller.client_id,
                caller.idempotency_key,
                submission.application_id,
                is_recorded=use is not None,
            )
        if use is not None and not submission.is_decided:
            submission.learn_recorded(use.answer)
        return submission

    async def _answer(
        self,
        submission: Submission,
        written: LoggedSubmission | None,
        reply: asyncio.Future[Reply],
        deadline: float,
    ) -> Answer:
        try:
            async with asyncio.timeout_at(deadline):
                if written is not None:
                    await self._write(submission, written)
                return Answer(submission.application_id, await reply)
        except TimeoutError:
            if submission.state is State.SENT:
                self.unacknowledged_in_a_row += 1
                raise NotAccepted(submission.application_id) from None
            return Answer(submission.application_id, None)

    async def _write(self, submission: Submission, written: LoggedSubmission) -> None:
        """Give the application to the log; from here on a copy of the request only waits."""
        loop = asyncio.get_running_loop()
        acknowledged = submission.acknowledged = loop.create_future()
        acknowledged.add_done_callback(partial(self._said, submission, loop.time()))
        try:
            sent = await self._log.send(written)
        except BaseException:
            acknowledged.cancel()
            raise
        sent.add_done_callback(partial(_pass_on, acknowledged))

    def _said(self, submission: Submission, started: float, acknowledged: asyncio.Future[Any]) -> None:
        """The log has the application, or has refused it."""
        if acknowledged.cancelled() or acknowledged.exception() is not None:
            self.unacknowledged_in_a_row += 1
            for waiter in submission.waiters:
                if not waiter.done():
                    waiter.set_exception(NotAccepted(submission.application_id))
            return
        self.unacknowledged_in_a_row = 0
        self._metrics.acknowledged.observe(asyncio.get_running_loop().time() - started)
        if submission.state is State.SENT:
            submission.state = State.ACCEPTED

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
        if caller.idempotency_key is not None:
            hashed = key_hash(caller.client_id, caller.idempotency_key)
            written.append((headers.IDEMPOTENCY_KEY_HASH, hashed.encode()))
        if caller.traceparent is not None:
            written.append((headers.TRACEPARENT, caller.traceparent))
        return written


def _pass_on(to: asyncio.Future[Any], done: asyncio.Future[Any]) -> None:
    if to.done():
        return
    if done.cancelled():
        to.cancel()
    elif (error := done.exception()) is not None:
        to.set_exception(error)
    else:
        to.set_result(done.result())


def _application_id(caller: Caller, applicant: int) -> str:
    if caller.idempotency_key is None:
        return fresh_application_id()
    return application_id_for_key(
        client_id=caller.client_id, idempotency_key=caller.idempotency_key, applicant_id=applicant
    )
