"""The real application over a log in memory, and how to ask it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from contracts.errors import PROBLEM_CONTENT_TYPE, ProblemType
from contracts.events import ModelPromoted
from gateway.access import Access
from gateway.errors import Starting
from gateway.ledger_client import Ledger
from gateway.log import LoggedSubmission
from gateway.metrics import GatewayMetrics
from gateway.pending import PendingReplies, Reply
from gateway.published_snapshot import PublishedSnapshot
from gateway.settings import GatewaySettings
from gateway.submissions import Submissions
from tests.fake_logs import at_once
from tests.unit.gateway.submitting import DECISION, Inside, body

JSON = {"Content-Type": "application/json"}


@dataclass
class NewestModel:
    newest: ModelPromoted | None = None


@dataclass
class FakeParts:
    """What routes reach for, over a log in memory; the scorer answers each submission with `reply`."""

    settings: GatewaySettings
    inside: Inside
    reply: Reply | None = DECISION
    model: NewestModel = field(default_factory=NewestModel)
    snapshot: PublishedSnapshot = field(default_factory=lambda: PublishedSnapshot("home-credit"))
    wrong: dict[str, str] = field(default_factory=dict)
    is_connected: bool = True
    is_broken: bool = False
    ledger: Ledger | None = None

    def __post_init__(self) -> None:
        self.access = Access(self.settings.default_client_id, now=time.monotonic)
        self.inside.log.acknowledge = self._scored

    @property
    def metrics(self) -> GatewayMetrics:
        return self.inside.metrics

    @property
    def pending(self) -> PendingReplies:
        return self.inside.pending

    @property
    def submissions(self) -> Submissions:
        if not self.is_connected:
            raise Starting("not connected")
        return self.inside.submissions

    def not_ready(self) -> dict[str, str]:
        return self.wrong

    def exposition(self) -> tuple[bytes, str]:
        return b"# fine\n", "text/plain; version=0.0.4"

    def answers(self, status: int) -> float | None:
        labels = {"status": str(status)}
        return self.metrics.registry.get_sample_value("scorestream_gateway_answering_seconds_count", labels)

    def _scored(self, submission: LoggedSubmission, acknowledged: asyncio.Future[Any]) -> None:
        at_once(submission, acknowledged)
        if self.reply is not None:
            self.inside.reply(submission, self.reply)


async def post(client: httpx.AsyncClient, content: Any = None, **headers: str) -> httpx.Response:
    sent = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await client.post("/v1/applications", content=body() if content is None else content, headers=sent)


def problem(answer: httpx.Response, status: int, kind: ProblemType) -> dict[str, Any]:
    """The problem document of an answer, after checking what is the same in all of them."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_CONTENT_TYPE
    document: dict[str, Any] = answer.json()
    assert document["type"] == kind.value
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return document
