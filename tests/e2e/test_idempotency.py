"""One Idempotency-Key, one application: however often and however fast it is sent to one gateway."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from contracts.application import example
from contracts.events import decode_decision
from contracts.headers import APPLICATION_ID
from contracts.topics import APPLICATIONS, PREDICTIONS
from tests.e2e import lane_under_test
from tests.e2e.kafka_client import KafkaClient, Offsets
from tests.e2e.processes import wait_until

kafka = lane_under_test.kafka

COPIES = 20


class Log:
    """What one test wrote to the log: marks the ends when it is made."""

    def __init__(self, kafka: KafkaClient) -> None:
        self._kafka = kafka
        self._since: dict[str, Offsets] = {
            topic.name: kafka.ends(topic.name) for topic in (APPLICATIONS, PREDICTIONS)
        }

    def values(self, topic: str, application_id: str) -> list[bytes | None]:
        """Values of the application's records on a topic."""
        records = self._kafka.read(topic, self._since[topic])
        return [each.value for each in records if each.header(APPLICATION_ID) == application_id.encode()]

    def applications(self) -> list[bytes | None]:
        """Values of all records on `applications`."""
        return [each.value for each in self._kafka.read(APPLICATIONS.name, self._since[APPLICATIONS.name])]


@pytest.fixture
def written(kafka: KafkaClient, gateway_url: str) -> Log:
    """The log from now on."""
    return Log(kafka)


@pytest.fixture
def key() -> str:
    """An Idempotency-Key that no other test uses."""
    return uuid4().hex


def body(applicant: int, **changes: object) -> bytes:
    return json.dumps({**json.loads(example("minimal")), "SK_ID_CURR": applicant, **changes}).encode()


def post(url: str, content: bytes, key: str) -> httpx.Response:
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return httpx.post(f"{url}/v1/applications", content=content, headers=headers, timeout=10)


def together(url: str, bodies: list[bytes], key: str) -> list[httpx.Response]:
    """All at once, each on a connection of its own."""
    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(lambda content: post(url, content, key), bodies))


def application_id(answer: httpx.Response) -> str:
    return answer.headers["location"].rpartition("/")[2]


def decided(url: str, answer: httpx.Response) -> bytes:
    """The decision's bytes, once the application of `answer` has one."""
    location = f"{url}{answer.headers['location']}"
    wait_until(lambda: httpx.get(location).status_code == 200, why="decided")
    return httpx.get(location).content


def test_the_same_key_and_bytes_one_after_the_other_are_one_application(
    gateway_url: str, written: Log, key: str, fresh_applicant: Callable[[], int]
) -> None:
    content = body(fresh_applicant())
    answers = [post(gateway_url, content, key) for _ in range(COPIES)]
    decision = decided(gateway_url, answers[0])
    assert {answer.status_code for answer in answers} <= {200, 202}
    (one_id,) = {application_id(answer) for answer in answers}
    assert {answer.content for answer in answers if answer.status_code == 200} <= {decision}
    assert written.values(APPLICATIONS.name, one_id) == [content]


def test_the_same_key_and_bytes_at_once_are_one_application_and_one_record(
    gateway_url: str, written: Log, key: str, fresh_applicant: Callable[[], int]
) -> None:
    content = body(fresh_applicant())
    answers = together(gateway_url, [content] * COPIES, key)
    decision = decided(gateway_url, answers[0])
    assert {answer.status_code for answer in answers} <= {200, 202}
    (one_id,) = {application_id(answer) for answer in answers}
    assert {answer.content for answer in answers if answer.status_code == 200} <= {decision}
    assert decode_decision(decision).application_id == one_id
    assert written.values(APPLICATIONS.name, one_id) == [content]
    assert len(written.values(PREDICTIONS.name, one_id)) == 1


def test_the_same_key_with_other_bytes_is_409_and_writes_nothing(
    gateway_url: str, written: Log, key: str, fresh_applicant: Callable[[], int]
) -> None:
    applicant = fresh_applicant()
    content = body(applicant)
    first = post(gateway_url, content, key)
    for other in (body(applicant, AMT_CREDIT=1.5), content + b" ", content.replace(b": ", b":")):
        answer = post(gateway_url, other, key)
        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"
    assert decode_decision(decided(gateway_url, first)).applicant_id == applicant
    assert written.applications() == [content]


def test_the_same_key_for_another_applicant_is_409(
    gateway_url: str, written: Log, key: str, fresh_applicant: Callable[[], int]
) -> None:
    content = body(fresh_applicant())
    decided(gateway_url, post(gateway_url, content, key))
    assert post(gateway_url, body(fresh_applicant()), key).status_code == 409
    assert written.applications() == [content]


def test_two_bodies_at_once_under_one_key_are_one_application_and_conflicts(
    gateway_url: str, written: Log, key: str, fresh_applicant: Callable[[], int]
) -> None:
    applicant = fresh_applicant()
    bodies = [body(applicant, AMT_CREDIT=100_000 + n % 2) for n in range(COPIES)]
    answers = together(gateway_url, bodies, key)
    won = [content for content, answer in zip(bodies, answers, strict=True) if answer.status_code != 409]
    assert {answer.status_code for answer in answers} <= {200, 202, 409}
    assert len(set(won)) == 1
    assert len(won) == COPIES / 2
    decided(gateway_url, next(answer for answer in answers if answer.status_code != 409))
    assert written.applications() == [won[0]]


def test_a_refused_body_leaves_its_key_free(
    gateway_url: str, written: Log, key: str, fresh_applicant: Callable[[], int]
) -> None:
    applicant = fresh_applicant()
    assert post(gateway_url, body(applicant, AMT_CREDIT=-1), key).status_code == 422
    assert decode_decision(decided(gateway_url, post(gateway_url, body(applicant), key)))


def test_without_a_key_the_same_bytes_are_two_applications(
    gateway_url: str, written: Log, fresh_applicant: Callable[[], int]
) -> None:
    content = body(fresh_applicant())
    headers = {"Content-Type": "application/json"}
    answers = [
        httpx.post(f"{gateway_url}/v1/applications", content=content, headers=headers) for _ in range(2)
    ]
    assert len({application_id(answer) for answer in answers}) == 2
    assert written.applications() == [content, content]
