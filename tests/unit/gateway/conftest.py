from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.app import Gateway, make_app
from gateway.settings import GatewaySettings
from tests.unit.gateway.fake_parts import FakeParts
from tests.unit.gateway.submitting import SOON_S, Inside


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def parts() -> FakeParts:
    settings = GatewaySettings(max_body_bytes=20_000, default_client_id="bank")
    return FakeParts(settings, Inside(deadline_s=SOON_S, max_in_flight=2))


@pytest.fixture
def app(parts: FakeParts) -> Gateway:
    app = make_app(parts.settings)
    app.api.state.parts = parts
    return app


@pytest.fixture
async def client(app: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    # Without a lifespan: the application never connects.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client
