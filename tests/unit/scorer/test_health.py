"""A worker's health: what it says of itself, and of the model that a rollout waits for."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from scorer.health import HealthServer

SEVEN = {"name": "credit-risk", "version": "7"}


def asked(
    path: str, *, model: dict[str, str] | None, wrong: dict[str, object] | None = None
) -> httpx.Response:
    """The answer of a worker that decides with `model` and finds `wrong` with itself."""

    async def work() -> httpx.Response:
        status: dict[str, Any] = {"model": model}
        server = HealthServer(
            CollectorRegistry(), alive=dict, ready=lambda: dict(wrong or {}), status=lambda: status
        )
        port = await server.start("127.0.0.1", 0)
        try:
            async with httpx.AsyncClient() as client:
                return await client.get(f"http://127.0.0.1:{port}{path}")
        finally:
            await server.stop()

    return asyncio.run(work())


def test_a_worker_that_finds_nothing_wrong_is_ready() -> None:
    assert asked("/readyz", model=SEVEN).status_code == 200


def test_what_is_wrong_is_said() -> None:
    answer = asked("/readyz", model=SEVEN, wrong={"partitions": "none assigned yet"})
    assert answer.status_code == 503
    assert answer.json()["wrong"] == {"partitions": "none assigned yet"}


def test_a_rollout_that_waits_for_a_version_is_told_when_it_decides() -> None:
    assert asked("/readyz?model_version=7", model=SEVEN).status_code == 200


@pytest.mark.parametrize(("model", "decides_with"), [(SEVEN, "7"), (None, "none yet")])
def test_a_worker_with_another_version_is_not_what_the_rollout_waits_for(
    model: dict[str, str] | None, decides_with: str
) -> None:
    answer = asked("/readyz?model_version=8", model=model)
    assert answer.status_code == 503
    assert answer.json()["wrong"] == {"model_version": f"asked for 8, decides with {decides_with}"}


def test_another_version_does_not_make_a_worker_unready_for_those_who_do_not_ask() -> None:
    assert asked("/readyz", model={"name": "credit-risk", "version": "8"}).status_code == 200
