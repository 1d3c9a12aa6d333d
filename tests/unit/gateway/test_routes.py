"""Every status that the gateway answers, with its document and headers, over the real application."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from aiokafka.errors import KafkaTimeoutError
from fastapi import FastAPI

from contracts.application import example
from contracts.errors import PROBLEM_CONTENT_TYPE, ProblemType
from contracts.events import ModelPromoted, SnapshotPublished, encode, model_document
from contracts.lanes import Lane
from gateway.access import Access
from gateway.app import make_app
from gateway.errors import LedgerUnavailable, Starting
from gateway.ledger_client import KeyUse, Ledger
from gateway.log import LoggedSubmission
from gateway.metrics import GatewayMetrics
from gateway.pending import PendingReplies, Reply
from gateway.published_snapshot import PublishedSnapshot
from gateway.settings import GatewaySettings
from gateway.submissions import Submissions
from tests.fake_logs import at_once, never
from tests.unit.gateway.submitting import DECISION, SOON_S, Inside, body

pytestmark = pytest.mark.anyio

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


@pytest.fixture
def parts() -> FakeParts:
    settings = GatewaySettings(max_body_bytes=20_000, default_client_id="bank")
    return FakeParts(settings, Inside(deadline_s=SOON_S, max_in_flight=2))


@pytest.fixture
def app(parts: FakeParts) -> FastAPI:
    app = make_app(parts.settings)
    app.state.parts = parts
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    # Without a lifespan: the application never connects.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


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


async def test_the_same_key_with_another_body_is_409_and_names_the_first(client: httpx.AsyncClient) -> None:
    first = await post(client, idempotency_key="k")
    answer = await post(client, body(AMT_CREDIT=1.5), idempotency_key="k")
    document = problem(answer, 409, ProblemType.IDEMPOTENCY_CONFLICT)
    assert answer.headers["location"] == first.headers["location"]
    assert document["application_id"] == first.headers["location"].rpartition("/")[2]
    assert "retry-after" not in answer.headers


async def test_an_invalid_application_is_422_with_every_field_named(client: httpx.AsyncClient) -> None:
    content = body(AMT_CREDIT="much", CODE_GENDER="?", NOBODY_KNOWS=1)
    document = problem(await post(client, content), 422, ProblemType.INVALID_APPLICATION)
    assert {error["field"] for error in document["errors"]} == {"AMT_CREDIT", "CODE_GENDER", "NOBODY_KNOWS"}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"\\ud800": "\\udfff"}', b"[" * 9_000]
)
async def test_bytes_that_are_no_application_are_422_never_500(
    client: httpx.AsyncClient, parts: FakeParts, content: bytes
) -> None:
    problem(await post(client, content), 422, ProblemType.INVALID_APPLICATION)
    assert parts.inside.log.sent == []


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\tb", "ü"])
async def test_a_key_out_of_form_is_422(client: httpx.AsyncClient, parts: FakeParts, key: str) -> None:
    headers = {**JSON, "Idempotency-Key": key.encode("latin-1")}
    answer = await client.post("/v1/applications", content=body(), headers=headers)  # type: ignore[arg-type]
    problem(answer, 422, ProblemType.INVALID_HEADER)
    assert parts.inside.log.sent == []


async def test_a_key_of_255_characters_is_in_form(client: httpx.AsyncClient) -> None:
    assert (await post(client, idempotency_key="x" * 255)).status_code == 200


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data; boundary=x", "text/json"])
async def test_a_body_not_declared_as_json_is_415(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("/v1/applications", content=body(), headers={"Content-Type": kind})
    problem(answer, 415, ProblemType.NOT_JSON)


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"]
)
async def test_json_by_any_of_its_names_is_taken(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("/v1/applications", content=body(), headers={"Content-Type": kind})
    assert answer.status_code == 200


async def test_a_body_over_the_limit_is_413_and_one_at_it_is_not(client: httpx.AsyncClient) -> None:
    problem(await post(client, body() + b" " * 20_000), 413, ProblemType.TOO_LARGE)
    assert (await post(client, body().ljust(20_000))).status_code == 200


async def test_a_chunked_body_over_the_limit_is_413_though_no_length_was_said(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    problem(await post(client, chunks()), 413, ProblemType.TOO_LARGE)
    assert parts.answers(413) == 1


async def test_an_endless_body_is_not_read_for_ever(client: httpx.AsyncClient) -> None:
    async def for_ever() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1_000_000

    problem(await post(client, for_ever()), 413, ProblemType.TOO_LARGE)


async def test_too_many_at_once_are_429_with_retry_after(client: httpx.AsyncClient, parts: FakeParts) -> None:
    held = [parts.pending.submission(name, "bank", "h") for name in ("a", "b")]
    with parts.pending.waiting(held[0], b"1"), parts.pending.waiting(held[1], b"2"):
        answer = await post(client)
    problem(answer, 429, ProblemType.TOO_MANY_IN_FLIGHT)
    assert answer.headers["retry-after"] == "1"
    assert parts.answers(429) == 1


async def test_not_connected_yet_is_503_with_retry_after_and_no_id(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    parts.is_connected = False
    answer = await post(client)
    assert "application_id" not in problem(answer, 503, ProblemType.NOT_ACCEPTED)
    assert answer.headers["retry-after"] == "1"


def refused(_: LoggedSubmission, acknowledged: asyncio.Future[Any]) -> None:
    acknowledged.set_exception(KafkaTimeoutError())


@pytest.mark.parametrize("acknowledge", [never, refused])
async def test_not_acknowledged_is_503_with_the_id_since_it_may_still_land(
    client: httpx.AsyncClient, parts: FakeParts, acknowledge: Any
) -> None:
    parts.inside.log.acknowledge = acknowledge
    answer = await post(client)
    document = problem(answer, 503, ProblemType.NOT_ACCEPTED)
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["location"] == f"/v1/applications/{document['application_id']}"
    assert "Idempotency-Key" in document["detail"]


async def test_an_unknown_id_is_404(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/applications/nobody"), 404, ProblemType.UNKNOWN_APPLICATION)


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


async def test_another_clients_id_is_404(client: httpx.AsyncClient, parts: FakeParts) -> None:
    with parts.pending.waiting(parts.pending.submission("theirs", "other", "h"), b"1"):
        problem(await client.get("/v1/applications/theirs"), 404, ProblemType.UNKNOWN_APPLICATION)


async def test_a_path_that_is_not_there_is_a_problem_document_too(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v2/applications"), 404, ProblemType.NOT_FOUND)


async def test_a_method_that_is_not_there_is_405_and_says_which_are(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/applications", content=body(), headers=JSON)
    assert answer.status_code == 405
    assert answer.headers["content-type"] == PROBLEM_CONTENT_TYPE
    assert answer.headers["allow"] == "POST"


async def test_a_bug_of_ours_is_a_500_document_that_quotes_nothing(
    client: httpx.AsyncClient, parts: FakeParts
) -> None:
    def broken(_: LoggedSubmission, __: asyncio.Future[Any]) -> None:
        raise ZeroDivisionError("applicant 100002")

    parts.inside.log.acknowledge = broken
    answer = await post(client)
    assert "100002" not in json.dumps(problem(answer, 500, ProblemType.INTERNAL))
    assert parts.inside.is_empty()


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error_of_ours(
    app: FastAPI, parts: FakeParts
) -> None:
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(_: Any) -> None:
        return

    scope = {
        "type": "http", "method": "POST", "path": "/v1/applications", "raw_path": b"/v1/applications",
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
        "headers": [(b"content-type", b"application/json")], "client": None, "server": ("gateway", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    assert parts.answers(500) == 0


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
