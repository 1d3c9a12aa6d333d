"""Everything wrong that can be said to a gateway: a 4xx that names the mend, and never an event."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import httpx
import pytest

from contracts.application import example
from contracts.topics import APPLICATIONS
from tests.e2e import lane_under_test, raw_http
from tests.e2e.broken_bodies import broken_bodies
from tests.e2e.conftest import ScoringPath
from tests.e2e.kafka_client import KafkaClient
from tests.e2e.processes import Process
from tests.unit.contracts.bad_bodies import and_then

kafka = lane_under_test.kafka

GOOD = example("minimal")
PROBLEM = "application/problem+json"
JSON = {"Content-Type": "application/json"}
#: No answer may take longer, whatever was asked.
PATIENCE_S = 10
LONGEST_BODY = 65_536


@pytest.fixture(scope="module")
def gateway(scoring_path: ScoringPath) -> Process:
    """A gateway of this module's own. Nobody decides behind it: nothing here may get that far."""
    return scoring_path.gateway()


@pytest.fixture(scope="module")
def client(gateway: Process) -> Iterator[httpx.Client]:
    """A well-behaved HTTP client."""
    with httpx.Client(base_url=gateway.url, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_lands(kafka: KafkaClient, gateway: Process) -> Iterator[None]:
    """After every test: no record more on `applications`, and the gateway as well as before."""
    before = kafka.ends(APPLICATIONS.name)
    yield
    assert gateway.is_ready(), gateway.log()[-3000:]
    assert kafka.ends(APPLICATIONS.name) == before


def is_problem(answer: httpx.Response) -> bool:
    """Whether it is a 4xx with a problem document of the same status."""
    if not 400 <= answer.status_code < 500 or answer.headers.get("content-type") != PROBLEM:
        return False
    document = answer.json()
    return bool(document["status"] == answer.status_code and document["title"] and document["detail"])


def test_more_than_a_thousand_kinds_of_broken_body_are_refused_and_every_wrong_field_is_named(
    client: httpx.Client,
) -> None:
    kinds = broken_bodies()
    assert len(kinds) > 1_000
    wrongly: list[str] = []
    for broken in kinds:
        answer = client.post("/v1/applications", content=broken.body, headers=JSON)
        is_too_large = len(broken.body) > LONGEST_BODY
        if answer.status_code != (413 if is_too_large else 422) or not is_problem(answer):
            wrongly.append(f"{broken.kind}: {answer.status_code} {answer.text[:200]}")
            continue
        errors = answer.json().get("errors", [])
        named = {each["field"] for each in errors}
        if not is_too_large and (named != broken.wrong or not all(each["detail"] for each in errors)):
            wrongly.append(f"{broken.kind}: {errors}")
    assert wrongly == []


@pytest.mark.parametrize("size", [LONGEST_BODY + 1, 10_000_000])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "in chunks"])
def test_a_body_too_large_is_413_however_it_comes(client: httpx.Client, size: int, is_chunked: bool) -> None:
    body = GOOD.ljust(size)
    content = (body[at : at + 50_000] for at in range(0, size, 50_000)) if is_chunked else body
    answer = client.post("/v1/applications", content=content, headers=JSON)
    assert answer.status_code == 413
    assert is_problem(answer)


def test_ten_megabytes_of_nesting_or_digits_are_413(client: httpx.Client) -> None:
    for body in (b"[" * 10_000_000, b"9" * 10_000_000, b'{"a":' * 2_000_000, b'"' + b"x" * 10_000_000):
        answer = client.post("/v1/applications", content=body, headers=JSON)
        assert answer.status_code == 413
        assert is_problem(answer)


def test_the_largest_body_that_is_read_is_refused_by_what_is_in_it(client: httpx.Client) -> None:
    flood = ", ".join(f'"{n:05x}": 1' for n in range(4_000))
    for body in (
        b"[" * LONGEST_BODY,
        b"9" * LONGEST_BODY,
        and_then(flood),
        and_then(flood).replace(b"1", b"NaN"),
    ):
        answer = client.post("/v1/applications", content=body, headers=JSON)
        assert answer.status_code == 422
        assert is_problem(answer)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_compressed_body_is_refused(client: httpx.Client, encoding: str) -> None:
    answer = client.post(
        "/v1/applications", content=gzip.compress(GOOD), headers={**JSON, "Content-Encoding": encoding}
    )
    assert answer.status_code in {415, 422}
    assert is_problem(answer)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/octet-stream",
        "application/jsonp",
        "application/json-seq",
        "application/json, text/plain",
        "json",
        "; application/json",
        "image/svg+json",
    ],
)
def test_a_body_that_is_not_declared_as_json_is_415(client: httpx.Client, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = client.post("/v1/applications", content=GOOD, headers=headers)
    assert answer.status_code == 415
    assert is_problem(answer)


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"   ",
        b"k" * 256,
        b"k" * 10_000,
        b"a\tb",
        b"a\x01b",
        b"a\x7fb",
        b"a\x00b",
        "schlüssel".encode(),
        "schlüssel".encode("latin-1"),
        b"\xff\xfe",
        "🔑".encode(),
    ],
)
def test_an_idempotency_key_that_is_none_is_refused(gateway: Process, key: bytes) -> None:
    received = raw_http.talk(gateway.port, raw_http.post(GOOD, [(b"Idempotency-Key", key)]))
    (status,) = raw_http.statuses(received)
    # Bytes that no header may hold are refused before the request is one: 400, by the HTTP parser.
    assert status in {400, 422}
    assert status == 400 or (PROBLEM.encode() in received and b"Idempotency-Key" in received)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_another_method_is_405(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/v1/applications", content=GOOD, headers=JSON)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert method == "HEAD" or is_problem(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/applications/",
        "//v1/applications",
        "/v1//applications",
        "/v1/applications/x/y",
        "/V1/Applications",
        "/v2/applications",
        "/v1/applications;x=1",
        "/v1/applications%00",
        "/v1/applications%2f",
        "/v1/%61pplication",
        "/../v1/application",
        "/v1/../../etc/passwd",
        "/%ff%fe",
        "/" + "a" * 5_000,
    ],
)
def test_a_path_that_is_none_is_a_problem_and_takes_no_application(client: httpx.Client, path: str) -> None:
    for method in ("POST", "GET"):
        answer = client.request(method, path, content=GOOD, headers=JSON)
        assert answer.status_code in {404, 405}, path
        assert is_problem(answer)


@pytest.mark.parametrize(
    "application_id",
    [
        "0",
        "00000000-0000-0000-0000-000000000000",
        "%00",
        "%ff",
        "é",
        "a b",
        "a" * 5_000,
        "' OR 1=1 --",
        "..%2f..",
    ],
)
def test_an_application_id_that_is_none_is_404(client: httpx.Client, application_id: str) -> None:
    answer = client.get(f"/v1/applications/{application_id}")
    assert answer.status_code == 404
    assert is_problem(answer)


def test_what_a_client_wrote_is_never_shown_to_the_log(client: httpx.Client, gateway: Process) -> None:
    name = "Ms-Applicant-Name-77"
    for body in (and_then(f'"{name}": 1'), and_then(f'"CODE_GENDER": "{name}"'), name.encode()):
        client.post("/v1/applications", content=body, headers={**JSON, "Idempotency-Key": "a-key"})
    assert name not in gateway.log()


def test_the_openapi_page_lists_each_status_that_bad_input_is_answered_with(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()["paths"]["/v1/applications"]["post"]["responses"]
    assert {"409", "413", "415", "422"} <= set(described)
    assert json.dumps(described["422"]).count("errors") >= 1
