"""One application from HTTP to its decision, through real processes."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx

from contracts.application import example
from contracts.events import decode_decision


def body(applicant: int, **changes: object) -> bytes:
    return json.dumps({**json.loads(example("full")), "SK_ID_CURR": applicant, **changes}).encode()


def post(url: str, content: bytes, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{url}/v1/applications", content=content, headers={"Content-Type": "application/json", **headers}
    )


def test_an_application_is_answered_with_its_decision(
    gateway_url: str, fresh_applicant: Callable[[], int]
) -> None:
    applicant = fresh_applicant()
    answer = post(gateway_url, body(applicant))
    assert answer.status_code in {200, 202}, answer.text
    decided = httpx.get(f"{gateway_url}{answer.headers['location']}")
    decision = decode_decision(decided.content)
    assert decision.applicant_id == applicant
    assert decision.application_id == answer.headers["location"].rpartition("/")[2]
    assert decision.decision == "approve" or decision.reasons


def test_the_same_key_and_bytes_get_the_recorded_answer_again(
    gateway_url: str, fresh_applicant: Callable[[], int]
) -> None:
    content = body(fresh_applicant())
    first, second = (post(gateway_url, content, **{"Idempotency-Key": "k-1"}) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert second.content == first.content or first.status_code == 202


def test_the_same_key_with_other_bytes_is_a_conflict(
    gateway_url: str, fresh_applicant: Callable[[], int]
) -> None:
    applicant = fresh_applicant()
    post(gateway_url, body(applicant), **{"Idempotency-Key": "k-2"})
    assert post(gateway_url, body(applicant, AMT_CREDIT=1.5), **{"Idempotency-Key": "k-2"}).status_code == 409
