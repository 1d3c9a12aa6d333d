"""What the gateway answers to who is in order: decisions, look-ups, the model, readiness."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import httpx
import pytest

from contracts.application import example
from contracts.errors import ProblemType
from contracts.events import ModelPromoted, SnapshotPublished, encode, model_document
from contracts.lanes import Lane
from gateway.errors import LedgerUnavailable
from gateway.ledger_client import KeyUse
from gateway.pending import Reply
from tests.unit.gateway.fake_parts import FakeParts, post, problem
from tests.unit.gateway.submitting import DECISION

pytestmark = pytest.mark.anyio


async def test_a_decision_is_passed_on_byte_for_byte(client: httpx.AsyncClient, parts: FakeParts) -> None:
    answer = await post(client)
    assert answer.status_code == 200
    assert answer.content == DECISION.document
    assert answer.headers["content-type"] == "application/json"
    fetched = await client.get(answer.headers["location"])
    assert (fetched.status_code, fetched.content) == (200, DECISION.document)
    assert parts.answers(200) == 1


async def test_accepted_and_undecided_is_202_with_where_to_ask_again(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    parts.reply = None
    answer = await post(client)
    assert answer.status_code == 202
    assert answer.json()["status"] == "pending"
    assert answer.headers["location"] == f"/v1/applications/{answer.json()['application_id']}"
    assert answer.headers["retry-after"] == "1"
    fetched = await client.get(answer.headers["location"])
    assert (fetched.status_code, fetched.content) == (202, answer.content)


async def test_what_the_scorer_put_aside_is_its_problem_document(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    document = {"type": ProblemType.DEAD_LETTERED.value, "title": "t", "status": 410, "detail": "d"}
    parts.reply = Reply(410, json.dumps(document).encode())
    answer = await post(client)
    assert problem(answer, 410, ProblemType.DEAD_LETTERED) == document
    assert (await client.get(answer.headers["location"])).status_code == 410


@dataclass
class LedgerOfAnswers:
    """A Ledger that knows `answers` by lane and id, of whoever asks."""

    answers: dict[tuple[Lane, str], Reply] = field(default_factory=dict)
    is_away: bool = False

    async def application(
        self, application_id: str, client_id: str | None, *, lane: Lane = Lane.SYNC
    ) -> Reply | None:
        if self.is_away:
            raise LedgerUnavailable("away")
        return self.answers.get((lane, application_id))

    async def key_use(self, client_id: str, key: str, application_id: str) -> KeyUse | None:
        return None


async def test_what_the_batch_lane_decided_is_found_by_id(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    parts.ledger = LedgerOfAnswers({(Lane.BATCH, "one"): DECISION})
    answer = await client.get("/v1/applications/one")
    assert (answer.status_code, answer.content) == (200, DECISION.document)
    problem(await client.get("/v1/applications/another"), 404, ProblemType.UNKNOWN_APPLICATION)


async def test_what_was_put_aside_and_decided_since_is_the_decision(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    parts.ledger = ledger = LedgerOfAnswers()
    document = {"type": ProblemType.DEAD_LETTERED.value, "title": "t", "status": 410, "detail": "d"}
    parts.reply = Reply(410, json.dumps(document).encode())
    location = (await post(client)).headers["location"]
    application_id = location.rpartition("/")[2]
    ledger.answers[Lane.SYNC, application_id] = Reply(202, b"")  # it has the application, not yet the letter
    assert (await client.get(location)).status_code == 410
    ledger.answers[Lane.SYNC, application_id] = DECISION
    assert (await client.get(location)).content == DECISION.document
    ledger.is_away = True
    assert (await client.get(location)).status_code == 410
    problem(await client.get("/v1/applications/nobody"), 503, ProblemType.LEDGER_UNAVAILABLE)


async def test_before_a_promotion_there_is_no_model(client: httpx.AsyncClient) -> None:
    document = problem(await client.get("/v1/model"), 404, ProblemType.NO_MODEL)
    assert "scorestream promote" in document["detail"]


async def test_the_model_that_decides_is_the_newest_promotion(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    promoted = ModelPromoted(
        name="credit-risk", version="7", digest="d", bundle_uri="u", promoted_at="t", promoted_by="p"
    )
    parts.model.newest = promoted
    answer = await client.get("/v1/model")
    assert (answer.status_code, answer.content) == (200, encode(model_document(promoted, None)))


async def test_the_model_names_the_snapshot_that_was_published_last(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    parts.model.newest = ModelPromoted(
        name="credit-risk", version="7", digest="d", bundle_uri="u", promoted_at="t", promoted_by="p"
    )
    parts.snapshot.newest = SnapshotPublished(
        store="home-credit", snapshot_id="abc", uri="u", as_of="2026-01-01T00:00:00Z", published_at="t",
        n_applicants=3, n_features=598, manifest_sha256="0",
    )  # fmt: skip
    found = (await client.get("/v1/model")).json()
    assert (found["version"], found["feature_snapshot"]["snapshot_id"]) == ("7", "abc")


async def test_ready_names_what_is_wrong(client: httpx.AsyncClient, parts: FakeParts) -> None:
    assert (await client.get("/readyz")).status_code == 200
    parts.wrong = {"broker": "does not answer"}
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["wrong"] == parts.wrong


async def test_a_gateway_that_only_a_restart_mends_is_not_alive(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    assert (await client.get("/healthz")).status_code == 200
    parts.is_broken = True
    assert (await client.get("/healthz")).status_code == 503


async def test_metrics_are_in_prometheus_own_format(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")


async def test_the_golden_applications_are_all_taken(client: httpx.AsyncClient) -> None:
    for name in ("full", "minimal", "pensioner", "revolving"):
        assert (await post(client, example(name))).status_code == 200
