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
from typing import Any

from gateway.errors import IdempotencyConflict, TooManyInFlight


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

    @property
    def is_under_way(self) -> bool:
        """Whether the log was given the application and has not refused it: a copy need not be written."""
        acknowledged = self.acknowledged
        if acknowledged is None:
            return self.state is not State.SENT
        return not acknowledged.done() or not (acknowledged.cancelled() or acknowledged.exception())


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
        if known is None:
            return Submission(application_id, client_id, request_hash)
        if known.request_hash != request_hash:
            raise IdempotencyConflict(application_id)
        return known

    def claim_key(self, client_id: str, key: str, application_id: str) -> None:
        """Note what a client uses a key for; raises IdempotencyConflict when it used it for another."""
        owner = self._keys.setdefault((client_id, key), application_id)
        if len(self._keys) > self._recent_max:
            self._keys.popitem(last=False)
        if owner != application_id:
            raise IdempotencyConflict(owner)

    @contextmanager
    def waiting(self, submission: Submission, correlation_id: bytes) -> Iterator[asyncio.Future[Reply]]:
        """A future for the submission's reply while the block lasts; raises TooManyInFlight."""
        if self.in_flight >= self._max_in_flight:
            raise TooManyInFlight(f"{self.in_flight} requests wait already; try again shortly")
        self._remember(submission)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        submission.waiters.append(future)
        self._own[correlation_id] = submission
        self.in_flight += 1
        try:
            yield future
        finally:
            self.in_flight -= 1
            self._own.pop(correlation_id, None)
            submission.waiters.remove(future)
            if future.done() and not future.cancelled():
                future.exception()  # seen: nobody else will ask
            future.cancel()

    def resolve(self, correlation_id: bytes, application_id: str | None, reply: Reply) -> bool:
        """Give a reply to whoever waits for it and remember it; False for another gateway's.

        A reply that comes after its deadline is known by its application id.
        """
        submission = self._own.get(correlation_id) or self._recent.get(application_id or "")
        if submission is None:
            return False
        if submission.reply is None:
            submission.reply, submission.state = reply, State.ANSWERED
        for waiter in submission.waiters:
            if not waiter.done():
                waiter.set_result(submission.reply)
        return True

    def _remember(self, submission: Submission) -> None:
        self._recent.setdefault(submission.application_id, submission)
        if len(self._recent) > self._recent_max:
            self._recent.popitem(last=False)
