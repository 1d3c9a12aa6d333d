"""POST /v1/outcomes: what is taken, what is refused and why, what the topic gets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from contracts import headers
from contracts.errors import PROBLEM_CONTENT_TYPE, ProblemType
from contracts.events import decode_outcome
from contracts.keys import KeysFile, Scope, new_key
from contracts.lanes import Lane
from contracts.outcome import EXAMPLE, JSON_SCHEMA, decode_submitted_outcome
from contracts.topics import OUTCOMES, Topic
from gateway.access import Access
from gateway.app import make_app
from gateway.errors import LedgerUnavailable
from gateway.ledger_client import KeyUse
from gateway.log import LoggedSubmission
from gateway.metrics import GatewayMetrics
from gateway.outcomes import Outcomes
from gateway.pending import Reply
from gateway.settings import GatewaySettings

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
ID = str(EXAMPLE["application_id"])


class OneDecision:
    """A ledger that knows one decided and one pending application of the client `bank`."""

    is_away = False

    async def application(
        self, application_id: str, client_id: str | None, *, lane: Lane = Lane.SYNC
    ) -> Reply | None:
        if self.is_away:
            raise LedgerUnavailable("the ledger does not answer")
        if client_id not in {None, "bank"} or lane is Lane.BATCH:
            return None
        if application_id == ID:
            return Reply(200, b'{"application_id": "x", "applicant_id": 100002}')
        return Reply(202, b"") if application_id == "pending" else None

    async def key_use(self, client_id: str, key: str, application_id: str) -> KeyUse | None:
        return None


@dataclass
class TopicInMemory:
    """An outcome log that takes everything, unless it is silent."""

    written: list[tuple[Topic, LoggedSubmission]] = field(default_factory=list)
    is_silent: bool = False

    async def write(self, topic: Topic, submission: LoggedSubmission) -> asyncio.Future[Any]:
        self.written.append((topic, submission))
        acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self.is_silent:
            acknowledged.set_result(None)
        return acknowledged


class FakeParts:
    def __init__(self) -> None:
        self.settings = GatewaySettings(default_client_id="bank")
        self.metrics = GatewayMetrics()
        self.access = Access("bank", now=time.monotonic)
        self.ledger = OneDecision()
        self.log = TopicInMemory()
        self.outcomes = Outcomes(self.log, self.ledger, acknowledged_within_s=0.05)


@pytest.fixture
def parts() -> FakeParts:
    return FakeParts()


@pytest.fixture
async def client(parts: FakeParts) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(parts.settings)
    app.api.state.parts = parts
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=JSON) as client:
        yield client


async def post(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    body = {name: value for name, value in {**EXAMPLE, **changes}.items() if value is not ...}
    return await client.post("/v1/outcomes", content=json.dumps(body))


def is_problem(answer: httpx.Response, status: int, kind: ProblemType) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM_CONTENT_TYPE)
    document: dict[str, Any] = answer.json()
    assert document["type"] == kind.value
    return document


async def test_an_outcome_is_on_its_topic_keyed_by_the_applicant(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    answer = await post(client, observed_at="2026-11-20T02:00:00+02:00", defaulted=True)
    assert answer.status_code == 202
    ((topic, written),) = parts.log.written
    assert (topic, written.key) == (OUTCOMES, b"100002")
    outcome = decode_outcome(written.value)
    assert (outcome.application_id, outcome.defaulted) == (ID, True)
    assert (outcome.observed_at, outcome.lane) == ("2026-11-20T00:00:00Z", "sync")
    assert dict(written.headers)[headers.CLIENT_ID] == b"bank"
    assert parts.metrics.registry.get_sample_value("scorestream_gateway_outcomes_total") == 1


@pytest.mark.parametrize("changes", [{"application_id": "nobody"}, {"lane": "batch"}], ids=["id", "lane"])
async def test_an_application_that_is_not_there_is_404(
    client: httpx.AsyncClient, parts: FakeParts, changes: dict[str, Any]
) -> None:
    is_problem(await post(client, **changes), 404, ProblemType.UNKNOWN_APPLICATION)
    assert parts.log.written == []


async def test_another_clients_application_is_404(client: httpx.AsyncClient, parts: FakeParts) -> None:
    parts.access = Access("another", now=time.monotonic)
    is_problem(await post(client), 404, ProblemType.UNKNOWN_APPLICATION)


async def test_an_application_without_a_decision_is_409(client: httpx.AsyncClient) -> None:
    is_problem(await post(client, application_id="pending"), 409, ProblemType.NOT_DECIDED)


async def test_a_ledger_that_does_not_answer_is_503_to_be_tried_again(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    parts.ledger.is_away = True
    answer = await post(client)
    is_problem(answer, 503, ProblemType.LEDGER_UNAVAILABLE)
    assert answer.headers["retry-after"]


async def test_a_log_that_does_not_acknowledge_is_503_to_be_tried_again(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    parts.log.is_silent = True
    is_problem(await post(client), 503, ProblemType.NOT_ACCEPTED)


@pytest.mark.parametrize(
    ("changes", "field_name"),
    [
        ({"application_id": ...}, "application_id"),
        ({"application_id": 7}, "application_id"),
        ({"application_id": "x" * 65}, "application_id"),
        ({"defaulted": "no"}, "defaulted"),
        ({"defaulted": None}, "defaulted"),
        ({"observed_at": "2026-11-20"}, "observed_at"),
        ({"observed_at": "2026-11-20T00:00:00"}, "observed_at"),
        ({"observed_at": "2099-01-01T00:00:00Z"}, "observed_at"),
        ({"observed_at": "0001-01-01T00:00:00+14:00"}, "observed_at"),
        ({"observed_at": "9999-12-31T23:59:59-14:00"}, "observed_at"),
        ({"lane": "fast"}, "lane"),
        ({"lane": []}, "lane"),
        ({"amount": 5}, "amount"),
    ],
)
async def test_what_is_wrong_is_named_by_its_field(
    client: httpx.AsyncClient, parts: FakeParts, changes: dict[str, Any], field_name: str
) -> None:
    document = is_problem(await post(client, **changes), 422, ProblemType.INVALID_OUTCOME)
    assert [error["field"] for error in document["errors"]] == [field_name]
    assert parts.log.written == []


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 9_000])
async def test_bytes_that_are_no_outcome_are_422_never_500(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/v1/outcomes", content=content)
    is_problem(answer, 422, ProblemType.INVALID_OUTCOME)


async def test_a_body_not_declared_as_json_is_415(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/outcomes", content=b"{}", headers={"Content-Type": "text/plain"})
    is_problem(answer, 415, ProblemType.NOT_JSON)


async def test_a_key_needs_the_scope_for_outcomes(client: httpx.AsyncClient, parts: FakeParts) -> None:
    score, score_entry = new_key("bank", frozenset({Scope.SCORE}))
    outcomes, outcomes_entry = new_key("bank", frozenset({Scope.OUTCOMES}))
    parts.access.replace(KeysFile((score_entry, outcomes_entry)))
    answers = [
        await client.post(
            "/v1/outcomes", content=json.dumps(EXAMPLE), headers={"Authorization": f"Bearer {key}"}
        )
        for key in (score, outcomes)
    ]
    is_problem(answers[0], 403, ProblemType.FORBIDDEN)
    assert answers[1].status_code == 202


def test_the_described_example_is_taken_and_the_schema_names_its_fields() -> None:
    outcome = decode_submitted_outcome(json.dumps(EXAMPLE).encode(), now=datetime.now(UTC))
    assert outcome.application_id == ID
    assert set(JSON_SCHEMA["required"]) <= set(EXAMPLE) <= set(JSON_SCHEMA["properties"])
