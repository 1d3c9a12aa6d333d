"""Connections that break HTTP itself: smuggled, cut, slow, endless requests; none is an application."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from contracts.application import example
from contracts.topics import APPLICATIONS
from tests.e2e import lane_under_test, raw_http
from tests.e2e.conftest import ScoringPath
from tests.e2e.kafka_client import KafkaClient
from tests.e2e.processes import Process

kafka = lane_under_test.kafka

GOOD = example("minimal")
HIDDEN = raw_http.post(GOOD)
_CHUNKED = b"Transfer-Encoding: chunked\r\n"


def request(headers: bytes, body: bytes, *, line: bytes = b"POST /v1/applications HTTP/1.1") -> bytes:
    """A request whose header block is as given, Host and Content-Type apart."""
    return line + b"\r\nHost: gateway\r\nContent-Type: application/json\r\n" + headers + b"\r\n" + body


def length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


_CHUNKS = chunked(GOOD)
_EMPTY_THEN_HIDDEN = b"0\r\n\r\n" + HIDDEN

#: Requests whose end two servers could see at two places, or whose syntax is broken.
AMBIGUOUS: dict[str, bytes] = {
    "length and chunks": request(length(_EMPTY_THEN_HIDDEN) + _CHUNKED, _EMPTY_THEN_HIDDEN),
    "chunks and length": request(_CHUNKED + length(_EMPTY_THEN_HIDDEN), _EMPTY_THEN_HIDDEN),
    "chunks and a good length": request(_CHUNKED + length(_CHUNKS), _CHUNKS),
    "two lengths": request(length(b"") + length(HIDDEN), HIDDEN),
    "two lengths in one": request(b"Content-Length: 0, %d\r\n" % len(HIDDEN), HIDDEN),
    "a length with a plus": request(b"Content-Length: +%d\r\n" % len(GOOD), GOOD),
    "a negative length": request(b"Content-Length: -1\r\n", GOOD),
    "a hexadecimal length": request(b"Content-Length: 0x%x\r\n" % len(GOOD), GOOD),
    "a length of 30 digits": request(b"Content-Length: " + b"9" * 30 + b"\r\n", GOOD),
    "a length that is no number": request(b"Content-Length: many\r\n", GOOD),
    "chunked, then identity": request(b"Transfer-Encoding: chunked, identity\r\n", _CHUNKS),
    "an encoding that is none": request(b"Transfer-Encoding: xchunked\r\n" + length(b""), HIDDEN),
    "a space before the colon": request(b"Transfer-Encoding : chunked\r\n" + length(_CHUNKS), _CHUNKS),
    "a vertical tab": request(b"Transfer-Encoding:\x0bchunked\r\n" + length(_CHUNKS), _CHUNKS),
    "a folded header": request(b"Transfer-Encoding:\r\n chunked\r\n" + length(_CHUNKS), _CHUNKS),
    "a chunk size that is none": request(_CHUNKED, b"zz\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a negative chunk size": request(_CHUNKED, b"-5\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a chunk size of 64 bits and more": request(_CHUNKED, b"f" * 17 + b"\r\n" + GOOD),
    "a chunk longer than its size": request(_CHUNKED, b"2\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a null byte in a header": request(b"X: a\x00b\r\n" + length(GOOD), GOOD),
    "a bare carriage return": request(b"X: a\rContent-Length: 5\r\n" + length(GOOD), GOOD),
    "a header without a name": request(b": x\r\n" + length(GOOD), GOOD),
    "a header without a colon": request(b"nonsense\r\n" + length(GOOD), GOOD),
    "no version": request(length(GOOD), GOOD, line=b"POST /v1/applications"),
    "version nine": request(length(GOOD), GOOD, line=b"POST /v1/applications HTTP/9.9"),
    "a method that is none": request(length(GOOD), GOOD, line=b"P\x00ST /v1/applications HTTP/1.1"),
    "a path that is not ASCII": request(length(GOOD), GOOD, line=b"POST /v1/applicatio\xff HTTP/1.1"),
    "a target without a slash": request(length(GOOD), GOOD, line=b"POST v1/applications HTTP/1.1"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "a WebSocket": request(
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"",
        line=b"GET /v1/applications HTTP/1.1",
    ),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "zeros": bytes(5_000),
    "a line break flood": b"\r\n" * 10_000,
}


@pytest.fixture(scope="module")
def gateway(scoring_path: ScoringPath) -> Process:
    """A gateway of this module's own."""
    return scoring_path.gateway()


@pytest.fixture(autouse=True)
def nothing_lands(kafka: KafkaClient, gateway: Process) -> Iterator[None]:
    """After every test: no record more on `applications`, and the gateway as well as before."""
    before = kafka.ends(APPLICATIONS.name)
    yield
    assert gateway.is_ready(), gateway.log()[-3000:]
    assert kafka.ends(APPLICATIONS.name) == before


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_a_request_with_an_unclear_end_is_refused_whole(gateway: Process, kind: str) -> None:
    answered = raw_http.statuses(raw_http.talk(gateway.port, AMBIGUOUS[kind], silence_s=0.3))
    assert all(400 <= status < 500 for status in answered), answered


@pytest.mark.parametrize(
    "sent",
    [
        HIDDEN[:1],
        HIDDEN[:40],
        HIDDEN[: HIDDEN.index(b"\r\n\r\n") + 4],
        HIDDEN[:-1],
        # The part that came is a whole application; what was announced is longer.
        HIDDEN.replace(length(GOOD), b"Content-Length: 9999\r\n"),
        request(_CHUNKED, b"%x\r\n%b\r\n" % (len(GOOD), GOOD)),
        request(_CHUNKED, b"%x\r\n%b" % (len(GOOD), GOOD)),
    ],
    ids=["a letter", "a line", "headers", "all but one", "less than said", "no last chunk", "an open chunk"],
)
def test_a_request_that_is_cut_off_is_no_application_and_no_error_of_ours(
    gateway: Process, sent: bytes
) -> None:
    for _ in range(5):
        with raw_http.connection(gateway.port) as peer:
            peer.sendall(sent)
    # The gateway works in order: once this is answered it has seen the others go.
    raw_http.talk(gateway.port, raw_http.post(b"{}"))
    said = gateway.log()
    assert "unexpected error" not in said
    assert "Traceback" not in said


def test_a_url_of_a_megabyte_is_refused(gateway: Process) -> None:
    sent = b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"
    assert all(400 <= status < 500 for status in raw_http.statuses(raw_http.talk(gateway.port, sent)))


def test_headers_without_end_are_cut_short(gateway: Process) -> None:
    refused_after = 0
    with raw_http.connection(gateway.port) as peer:
        peer.settimeout(5)
        peer.sendall(b"POST /v1/applications HTTP/1.1\r\nHost: gateway\r\n")
        with contextlib.suppress(ConnectionError):
            for number in range(500):
                peer.sendall(b"X-%d: " % number + b"a" * 100_000 + b"\r\n")
                refused_after = number
    assert refused_after < 400, "the gateway took 40 MB of headers and wanted more"


def test_pipelined_requests_are_answered_each_and_in_order(gateway: Process) -> None:
    sent = b"".join(
        (
            raw_http.post(b"{}", is_last=False),
            b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n",
            raw_http.post(b"[", [(b"Idempotency-Key", b"k" * 256)], is_last=False),
            b"GET /v1/applications/none HTTP/1.1\r\nHost: gateway\r\n\r\n",
            raw_http.post(b"", [(b"X-Last", b"1")]),
        )
    )
    assert raw_http.statuses(raw_http.talk(gateway.port, sent)) == [422, 200, 422, 404, 422]


def test_two_hundred_connections_that_say_nothing_keep_nobody_waiting(gateway: Process) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(200):
            peer = held.enter_context(raw_http.connection(gateway.port))
            peer.sendall(b"POST /v1/applications HTTP/1.1\r\nHost: gateway\r\nContent-Le")
        assert raw_http.statuses(raw_http.talk(gateway.port, raw_http.post(b"{}"))) == [422]
