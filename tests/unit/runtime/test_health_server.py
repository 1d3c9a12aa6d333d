"""The small HTTP server of processes that serve nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge

from infra.runtime.health_server import HealthServer


class Process:
    """What the probes are asked about."""

    def __init__(self) -> None:
        self.wrong: dict[str, str] = {}
        registry = CollectorRegistry()
        Gauge("colour_info", "1.", registry=registry).set(1)
        self.server = HealthServer(registry, alive=dict, ready=lambda: self.wrong)
        self.url = f"http://127.0.0.1:{self.server.start('127.0.0.1', 0)}"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}")


@pytest.fixture
def process() -> Iterator[Process]:
    process = Process()
    yield process
    process.server.stop()


def test_it_is_ready_until_something_is_wrong_and_says_what(process: Process) -> None:
    assert process.get("/readyz").json() == {"status": "ok", "wrong": {}}
    process.wrong = {"broker": "away"}
    answer = process.get("/readyz")
    assert (answer.status_code, answer.json()["wrong"]) == (503, {"broker": "away"})
    assert process.get("/healthz").status_code == 200


def test_metrics_are_prometheus_text(process: Process) -> None:
    answer = process.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "colour_info 1.0" in answer.text


def test_anything_else_is_not_found_and_says_what_there_is(process: Process) -> None:
    answer = process.get("/secrets")
    assert answer.status_code == 404
    assert "/metrics" in answer.text


def test_a_taken_port_is_an_error_at_the_start(process: Process) -> None:
    port = int(process.url.rpartition(":")[2])
    second = HealthServer(CollectorRegistry(), alive=dict, ready=dict)
    with pytest.raises(OSError, match="in use"):
        second.start("127.0.0.1", port)


def test_stopped_it_answers_no_more_and_may_be_stopped_again(process: Process) -> None:
    process.server.stop()
    process.server.stop()
    with pytest.raises(httpx.ConnectError):
        process.get("/healthz")
