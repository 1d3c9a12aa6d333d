from __future__ import annotations

import asyncio

import pytest

from gateway.errors import Starting
from gateway.parts import Parts
from gateway.settings import GatewaySettings
from infra.kafka.ports import free_ports
from infra.runtime.kafka import KafkaConnection

pytestmark = pytest.mark.anyio


@pytest.fixture
def parts() -> Parts:
    """A gateway whose broker is not there."""
    (port,) = free_ports(1)
    kafka = KafkaConnection(bootstrap_servers=f"127.0.0.1:{port}")
    return Parts(GatewaySettings(kafka=kafka))


async def test_before_it_is_connected_it_takes_nothing_and_is_not_ready(parts: Parts) -> None:
    assert parts.not_ready() == {"replies": "no partition assigned yet"}
    with pytest.raises(Starting):
        _ = parts.submissions


async def test_without_a_broker_it_goes_on_trying_and_stops_when_told(parts: Parts) -> None:
    parts.start()
    await asyncio.sleep(0)
    assert not parts.is_broken
    await parts.stop()


async def test_background_work_that_ended_by_itself_is_neither_alive_nor_ready(parts: Parts) -> None:
    async def ended() -> None:
        raise RuntimeError("a bug")

    parts._submissions = object()  # type: ignore[assignment]
    parts._running = asyncio.create_task(ended())
    await asyncio.wait([parts._running], timeout=5)
    assert parts.is_broken
    assert "gateway" in parts.not_ready()
    await parts.stop()


async def test_metrics_say_whether_the_broker_is_reached(parts: Parts) -> None:
    content, content_type = parts.exposition()
    assert b"scorestream_gateway_broker_reached 0.0" in content
    assert content_type.startswith("text/plain")
