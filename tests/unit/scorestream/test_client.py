"""The client against a gateway with a script: what it sends again, what it waits for, when it stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

import contracts
import scorestream.client
from contracts.events import DecisionDocument
from scorestream.batch.producer import BatchProducer
from scorestream.client import (
    AsyncScorestreamClient,
    NotDecidedInTime,
    Refused,
    ScorestreamClient,
    Submitted,
)

APPLICATION = {"SK_ID_CURR": 100_002}
DECISION = (Path(contracts.__file__).parent / "examples/replies/v1/decision.json").read_bytes()
ID = json.loads(DECISION)["application_id"]
PLACE = {"Location": f"/v1/applications/{ID}"}

Answer = httpx.Response | Exception


def decided() -> httpx.Response:
    return httpx.Response(200, content=DECISION, headers=PLACE)


def pending() -> httpx.Response:
    return httpx.Response(202, json={"status": "pending"}, headers={**PLACE, "Retry-After": "1"})


def problem(status: int, **headers: str) -> httpx.Response:
    document = {"type": "urn:x", "title": "No", "status": status, "detail": "because"}
    return httpx.Response(status, json=document, headers=headers)


class Gateway:
    """Answers in the order of its script and remembers what it was asked."""

    def __init__(self, *script: Answer) -> None:
        self._script = iter(script)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = next(self._script)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def keys(self) -> set[str | None]:
        return {request.headers.get("idempotency-key") for request in self.asked}


class Client(Protocol):
    def submit(self, application: dict[str, Any], *, key: str | None = None) -> Submitted: ...

    def decide(self, application: dict[str, Any], *, key: str | None = None) -> DecisionDocument: ...

    def wait(self, application_id: str) -> DecisionDocument: ...

    def get(self, application_id: str) -> DecisionDocument | None: ...


class Blocking:
    """The async client called like the sync one."""

    def __init__(self, client: AsyncScorestreamClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            return self._runner.run(getattr(self._client, name)(*arguments, **named))

        return call


Connect = Callable[..., Client]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a client of either kind for a gateway."""
    with asyncio.Runner() as runner:

        def make(gateway: Gateway, *, patience_s: float = 30.0, api_key: str | None = None) -> Client:
            transport = httpx.MockTransport(gateway)
            options: dict[str, Any] = {"patience_s": patience_s, "api_key": api_key, "transport": transport}
            if request.param == "sync":
                return ScorestreamClient("http://gateway", **options)
            return Blocking(AsyncScorestreamClient("http://gateway", **options), runner)

        yield make


def test_a_decision_that_comes_at_once_is_the_answer(connect: Connect) -> None:
    gateway = Gateway(decided())
    submitted = connect(gateway).submit(APPLICATION, key="mine")
    assert (submitted.application_id, submitted.key) == (ID, "mine")
    assert submitted.decision is not None
    assert submitted.decision.application_id == ID


def test_an_application_that_is_accepted_is_not_sent_again_by_submit(connect: Connect) -> None:
    gateway = Gateway(pending())
    submitted = connect(gateway).submit(APPLICATION)
    assert (submitted.application_id, submitted.decision) == (ID, None)
    assert len(gateway.asked) == 1


LOST = httpx.ConnectError("gone")
AT_ONCE = {"Retry-After": "0"}


@pytest.mark.parametrize("status", [None, 503, 429])
def test_what_may_not_have_landed_is_sent_again_with_the_same_key_and_bytes(
    connect: Connect, status: int | None
) -> None:
    gateway = Gateway(LOST if status is None else problem(status, **AT_ONCE), decided())
    assert connect(gateway).decide(APPLICATION).application_id == ID
    (key,) = gateway.keys()
    assert key
    assert len({request.content for request in gateway.asked}) == 1


def test_decide_asks_again_until_the_decision_is_there(connect: Connect) -> None:
    gateway = Gateway(pending(), pending(), decided())
    assert connect(gateway).decide(APPLICATION, key="mine").application_id == ID
    assert gateway.keys() == {"mine"}


def test_wait_looks_by_id_until_the_decision_is_there(connect: Connect) -> None:
    gateway = Gateway(pending(), problem(503, **AT_ONCE), LOST, decided())
    assert connect(gateway).wait(ID).application_id == ID
    assert {request.url.path for request in gateway.asked} == {f"/v1/applications/{ID}"}


def test_get_looks_once(connect: Connect) -> None:
    assert connect(Gateway(pending())).get(ID) is None
    found = connect(Gateway(decided())).get(ID)
    assert found is not None
    assert found.application_id == ID


@pytest.mark.parametrize("status", [401, 403, 404, 409, 410, 413, 415, 422])
def test_what_no_retry_mends_is_said_once(connect: Connect, status: int) -> None:
    gateway = Gateway(problem(status))
    with pytest.raises(Refused, match="because") as refused:
        connect(gateway).decide(APPLICATION)
    assert refused.value.problem.status == status
    assert len(gateway.asked) == 1


def test_patience_ends_with_the_key_to_go_on_with(connect: Connect) -> None:
    gateway = Gateway(pending(), *(pending() for _ in range(100)))
    with pytest.raises(NotDecidedInTime) as ended:
        connect(gateway, patience_s=0.2).decide(APPLICATION, key="mine")
    assert (ended.value.key, ended.value.application_id) == ("mine", ID)


def test_an_answer_that_is_no_gateways_says_so(connect: Connect) -> None:
    with pytest.raises(Refused, match="is it the gateway's address"):
        connect(Gateway(httpx.Response(418, text="<html>"))).get(ID)


def test_the_key_of_the_client_goes_with_every_request(connect: Connect) -> None:
    gateway = Gateway(decided(), decided())
    client = connect(gateway, api_key="ss_x")
    client.decide(APPLICATION)
    client.get(ID)
    assert {request.headers["authorization"] for request in gateway.asked} == {"Bearer ss_x"}


@pytest.mark.parametrize("applicant", [None, "100002", True, 1.5])
def test_a_batch_names_the_application_that_has_no_applicant(applicant: object) -> None:
    producer = BatchProducer(batch_id="b")
    with pytest.raises(ValueError, match="application 0: SK_ID_CURR"):
        asyncio.run(producer.send([{"SK_ID_CURR": applicant}]))


def test_the_module_exports_what_it_documents() -> None:
    assert all(hasattr(scorestream.client, name) for name in scorestream.client.__all__)
