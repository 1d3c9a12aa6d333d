"""What the gateway refuses: each status with its document and headers, over the real application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka.errors import KafkaTimeoutError

from contracts.errors import PROBLEM_CONTENT_TYPE, ProblemType
from gateway.app import Gateway
from gateway.log import LoggedSubmission
from tests.fake_logs import never
from tests.unit.gateway.fake_parts import JSON, FakeParts, post, problem
from tests.unit.gateway.submitting import body

pytestmark = pytest.mark.anyio


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
    app: Gateway, parts: FakeParts
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
