"""A gateway's inside on a log in memory: submissions, and replies that a test sends when it likes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from contracts import headers
from contracts.application import example
from contracts.lanes import Lane
from gateway.ledger_client import KeyUse, Ledger
from gateway.log import LoggedSubmission
from gateway.metrics import GatewayMetrics
from gateway.pending import PendingReplies, Reply
from gateway.submissions import Caller, KeyLookUp, Submissions
from tests.fake_logs import FakeApplicationLog

DECISION = Reply(200, b'{"decision":"approve"}')
FAR_S = 30.0
SOON_S = 0.01


def body(applicant: int = 100_002, **changes: object) -> bytes:
    """A good application."""
    return json.dumps({**json.loads(example("minimal")), "SK_ID_CURR": applicant, **changes}).encode()


def caller(key: str | None = None, *, client: str = "bank", trace: bytes | None = None) -> Caller:
    """Somebody who submits."""
    return Caller(client, key, trace)


def header(submission: LoggedSubmission, name: str) -> bytes:
    """The one header of this name."""
    (value,) = [value for found, value in submission.headers if found == name]
    return value


class LedgerOfKeys:
    """A Ledger that knows keys only: what `uses` says."""

    def __init__(self) -> None:
        self.uses: dict[tuple[str, str], KeyUse] = {}
        self.is_silent = False
        self.asked: list[tuple[str, str]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def application(
        self, application_id: str, client_id: str | None, *, lane: Lane = Lane.SYNC
    ) -> Reply | None:
        """See Ledger."""
        return None

    async def key_use(self, client_id: str, key: str, application_id: str) -> KeyUse | None:
        """See Ledger."""
        self.asked.append((client_id, key))
        if self.is_silent:
            await asyncio.Event().wait()
        await self.may_answer.wait()
        return self.uses.get((client_id, key))


@dataclass
class Inside:
    """Submissions with all they stand on; `deadline_s` is FAR_S where a test must not hit it."""

    deadline_s: float = FAR_S
    max_in_flight: int = 8
    recent_max: int = 100
    log: FakeApplicationLog = field(default_factory=FakeApplicationLog)
    ledger: Ledger | None = None

    def __post_init__(self) -> None:
        self.pending = PendingReplies(max_in_flight=self.max_in_flight, recent_max=self.recent_max)
        self.metrics = GatewayMetrics()
        self.submissions = Submissions(
            application_log=self.log,
            pending=self.pending,
            reply_partition=3,
            deadline_s=self.deadline_s,
            metrics=self.metrics,
            keys=KeyLookUp(self.ledger, is_required=True),
        )

    def reply(self, submission: LoggedSubmission, reply: Reply = DECISION) -> bool:
        """What the scorer does with a submission."""
        return self.pending.resolve(header(submission, headers.CORRELATION_ID), reply)

    def is_empty(self) -> bool:
        """Whether nobody waits and nothing of those who waited is left."""
        recent = self.pending._recent.values()
        left = [waiter for known in recent for waiter in known.waiters]
        known = {one for submission in recent for one in submission.correlation_ids}
        return self.pending.in_flight == 0 and not left and self.pending._own.keys() <= known
