from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.traffic import Service, WrongAnswers, check, closed, longest_episode_s, opened_while, outage_s


class Echo(BaseHTTPRequestHandler):
    """Answers a request with its own body; 503 for an empty one."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if body else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def service(url: str, *values: float) -> Service:
    return Service("echo", url, [json.dumps({"value": value}).encode() for value in values])


def test_answers_that_are_right_to_the_bit_pass(url: str) -> None:
    check(service(url, 0.1, 0.2), [0.1, 0.2], lambda answer: float(answer["value"]))


def test_a_service_with_a_wrong_answer_is_not_measured(url: str) -> None:
    with pytest.raises(WrongAnswers, match="answer 1"):
        check(service(url, 0.1, 0.2), [0.1, 0.2 + 1e-16], lambda answer: float(answer["value"]))


def test_only_answers_with_status_200_count(url: str) -> None:
    loops = closed(Service("refusing", url, [b""]), clients=2, seconds=0.2, repeats=2)
    assert loops.per_second.highest == 0.0
    assert loops.answered == 0.0
    assert set(loops.statuses) == {"503"}


def test_an_outage_lasts_from_the_first_unanswered_request_to_the_last(url: str) -> None:
    def never() -> None:
        """Nothing is done to the service."""

    refusing, answering = Service("refusing", url, [b""]), service(url, 0.1)
    assert asyncio.run(outage_s(answering, rate=20, seconds=0.5, disturb=never)) == 0.0
    assert asyncio.run(outage_s(refusing, rate=20, seconds=0.5, disturb=never)) > 0.2


@pytest.mark.parametrize(
    ("moments", "longest"),
    [([], 0.0), ([5.0], 0.0), ([1.0, 1.9, 2.8, 9.0, 9.5], 1.8), ([9.0, 4.0, 4.5, 9.9, 10.5], 1.5)],
)
def test_an_outage_ends_with_a_second_without_a_miss(moments: list[float], longest: float) -> None:
    assert longest_episode_s(moments) == pytest.approx(longest)


def test_requests_go_on_while_something_else_does_and_once_at_least(url: str) -> None:
    turns = iter([True, True, False])
    loops = opened_while(lambda: next(turns), service(url, 1.0), rate=20, seconds=0.2)
    assert loops.p99_ms.repeats == 3
    assert opened_while(lambda: False, service(url, 1.0), rate=20, seconds=0.2).p99_ms.repeats == 1
