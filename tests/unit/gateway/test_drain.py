from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from gateway.__main__ import DrainingServer, LeavingConnections
from gateway.parts import Parts
from gateway.settings import GatewaySettings

pytestmark = pytest.mark.anyio


async def served(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
    await send({"type": "http.response.body", "body": b"ok"})


@dataclass
class Client:
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def ask(self, app: Any, kind: str = "http") -> dict[str, Any]:
        async def send(message: dict[str, Any]) -> None:
            self.heard.append(message)

        await app({"type": kind}, None, send)
        return self.heard[-2]


@pytest.fixture
def parts() -> Parts:
    return Parts(GatewaySettings(drain_grace_s=0))


async def test_answers_keep_their_connection_until_the_drain_begins(parts: Parts) -> None:
    app = LeavingConnections(served, parts)
    assert (await Client().ask(app))["headers"] == [(b"x", b"y")]
    parts.is_draining = True
    assert (await Client().ask(app))["headers"] == [(b"x", b"y"), (b"connection", b"close")]


async def test_a_drain_leaves_what_is_no_request_alone(parts: Parts) -> None:
    parts.is_draining = True
    assert (await Client().ask(LeavingConnections(served, parts), "lifespan"))["headers"] == [(b"x", b"y")]


async def test_the_first_signal_drains_and_ends_serving_after_the_grace(parts: Parts) -> None:
    server = DrainingServer(uvicorn.Config(served, log_config=None), parts)
    server.handle_exit(signal.SIGTERM, None)
    assert parts.not_ready()["drain"] == "stopping"
    assert not server.should_exit
    async with asyncio.timeout(5):
        while not server.should_exit:
            await asyncio.sleep(0)
    assert not server.force_exit


async def test_the_second_signal_ends_at_once() -> None:
    waiting = Parts(GatewaySettings(drain_grace_s=60))
    server = DrainingServer(uvicorn.Config(served, log_config=None), waiting)
    server.handle_exit(signal.SIGTERM, None)
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
