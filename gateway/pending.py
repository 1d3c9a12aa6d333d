"""Requests that wait for a reply, and what became of recent applications. Pure, bounded, no client.

The answer to `GET /v1/applications/{id}` comes from here until the ledger has it; a restart forgets.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from gateway.errors import IdempotencyConflict, TooManyInFlight

#: Statuses of a reply; `scorer.documents` has them all.
DECIDED: Final = 200
CONFLICT: Final = 409


class State(Enum):
    """How far an application is known to be."""

    SENT = auto()  # given to the log, not acknowledged
    ACCEPTED = auto()  # the log has it
    ANSWERED = auto()  # decided or put aside; the document is here


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply's document, passed on byte for byte, and the HTTP status that it stands for."""

    status: int
    document: bytes


@dataclass(slots=True)
class Submission:
    """One application of one client, from its submission to its reply."""

    application_id: str
    client_id: str
    request_hash: str
    state: State = State.SENT
    reply: Reply | None = None
    #: Done when the log has said whether it has the application; None before the first attempt.
    acknowledged: asyncio.Future[Any] | None = None
    waiters: list[asyncio.Future[Reply]] = field(default_factory=list)
    #: Of each time that it was written to the log.
    correlation_ids: list[bytes] = field(default_factory=list)

    @property
    def is_under_way(self) -> bool:
        """Whether the log was given the application and has not refused it: a copy need not be written."""
        acknowledged = self.acknowledged
        if acknowledged is None:
            return self.state is not State.SENT
        return not acknowledged.done() or not (acknowledged.cancelled() or acknowledged.exception())

    @property
    def is_awaited(self) -> bool:
        """Whether another request waits for the reply: a copy waits with it."""
        return self.is_under_way and bool(self.waiters)

    @property
    def is_decided(self) -> bool:
        """Whether the decision is known. What was put aside may still be decided."""
        return self.reply is not None and self.reply.status == DECIDED

    @property
    def has_come_second(self) -> bool:
        """Whether the id belongs to other bytes, as the scorer said."""
        return self.reply is not None and self.reply.status == CONFLICT

    def learn_recorded(self, answer: Reply | None) -> None:
        """Take in what the ledger has: its answer, or that the log has the application and it is pending."""
        if answer is not None:
            self.reply, self.state = answer, State.ANSWERED
        elif self.state is State.SENT:
            self.state, self.acknowledged = State.ACCEPTED, None


class PendingReplies:
    """Submissions by application id, the newest `recent_max`; at most `max_in_flight` wait at once."""

    def __init__(self, *, max_in_flight: int, recent_max: int) -> None:
        self._max_in_flight = max_in_flight
        self._recent_max = recent_max
        self._recent: OrderedDict[str, Submission] = OrderedDict()
        self._own: dict[bytes, Submission] = {}
        self._keys: OrderedDict[tuple[str, str], str] = OrderedDict()
        self.in_flight = 0

    def find(self, application_id: str, client_id: str | None) -> Submission | None:
        """The submission with this id; another client's is not found, unless no client is named."""
        submission = self._recent.get(application_id)
        if submission is None or client_id not in {None, submission.client_id}:
            return None
        return submission

    def submission(self, application_id: str, client_id: str, request_hash: str) -> Submission:
        """The submission with this id, new or known; raises IdempotencyConflict for other bytes.

        A new one is remembered once it waits: what is turned away with 429 displaces nothing.
        """
        known = self._recent.get(application_id)
        is_other = known is not None and known.request_hash != request_hash
        # Bytes that came second are remembered for their own sake and must not turn away the first.
        if known is None or (is_other and known.has_come_second):
            return Submission(application_id, client_id, request_hash)
        if is_other:
            raise IdempotencyConflict(application_id)
        return known

    def may_be_wrong(self, application_id: str) -> bool:
        """Whether what is remembered of the id is not decided: other bytes may have come before it."""
        known = self._recent.get(application_id)
        return known is not None and not known.is_decided

    def disown(self, application_id: str) -> None:
        """Forget whose the id was thought to be; who waits for that goes on waiting."""
        self._forget(self._recent.pop(application_id, None))

    def claim_key(self, client_id: str, key: str, application_id: str, *, is_recorded: bool = False) -> None:
        """Note what a client uses a key for; raises IdempotencyConflict when it used it for another.

        What the ledger has recorded stands above what this gateway believed.
        """
        if is_recorded:
            self._keys[client_id, key] = application_id
        owner = self._keys.setdefault((client_id, key), application_id)
        if len(self._keys) > self._recent_max:
            self._keys.popitem(last=False)
        if owner != application_id:
            raise IdempotencyConflict(owner)

    @contextmanager
    def waiting(
        self, submission: Submission, correlation_id: bytes | None
    ) -> Iterator[asyncio.Future[Reply]]:
        """A future for the submission's reply while the block lasts; raises TooManyInFlight.

        `correlation_id` is what the submission is written with, None when it is not written (again).
        """
        with self.place():
            self._remember(submission)
            future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            submission.waiters.append(future)
            if correlation_id is not None:
                self._own[correlation_id] = submission
                submission.correlation_ids.append(correlation_id)
            try:
                yield future
            finally:
                submission.waiters.remove(future)
                if self._recent.get(submission.application_id) is not submission:
                    self._forget(submission)
                if future.done() and not future.cancelled():
                    future.exception()  # seen: nobody else will ask
                future.cancel()

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places for requests that wait for anything; raises TooManyInFlight."""
        if self.in_flight >= self._max_in_flight:
            raise TooManyInFlight(f"{self.in_flight} requests wait already; try again shortly")
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def resolve(self, correlation_id: bytes, reply: Reply) -> bool:
        """Give a reply to whoever waits for it and remember it; False for another gateway's.

        A reply that comes after its deadline is known by its correlation id as long as the submission is, not
        by its application id: it may answer other bytes, of another gateway or of this one's predecessor.
        """
        submission = self._own.get(correlation_id)
        if submission is None:
            return False
        if submission.reply is None or (reply.status == DECIDED and not submission.is_decided):
            submission.reply, submission.state = reply, State.ANSWERED
        for waiter in submission.waiters:
            if not waiter.done():
                waiter.set_result(submission.reply)
        return True

    def _remember(self, submission: Submission) -> None:
        known = self._recent.get(submission.application_id)
        if known is not submission:
            self._forget(known)
            self._recent[submission.application_id] = submission
        if len(self._recent) > self._recent_max:
            self._forget(self._recent.popitem(last=False)[1])

    def _forget(self, submission: Submission | None) -> None:
        if submission is not None and not submission.waiters:
            for correlation_id in submission.correlation_ids:
                self._own.pop(correlation_id, None)
