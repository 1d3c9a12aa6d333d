"""What a gateway's and a scorer's clients do when their only broker is gone and comes back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from contracts.topics import MODEL_PROMOTIONS
from gateway.errors import NotAccepted
from gateway.parts import Parts
from gateway.settings import GatewaySettings
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.topics import ensure_topics
from infra.runtime.compacted import ControlTopic
from infra.runtime.kafka import KafkaConnection
from tests.unit.gateway.submitting import body, caller

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker of this module's own, to be killed."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        asyncio.run(ensure_topics(kafka.bootstrap_servers, partitions=2, replication=1))
        yield kafka


async def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.05)


async def accepted(parts: Parts, applicant: int) -> None:
    """Back once the gateway had an application acknowledged."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(NotAccepted):
                assert (await parts.submissions.submit(body(applicant), caller())).reply is None
                return


@pytest.fixture
async def parts(kafka: EmbeddedKafka) -> AsyncIterator[Parts]:
    connection = KafkaConnection(bootstrap_servers=kafka.bootstrap_servers)
    parts = Parts(GatewaySettings(kafka=connection, drain_timeout_s=1))
    parts.start()
    await until(lambda: not parts.not_ready())
    yield parts
    with contextlib.suppress(Exception):
        await asyncio.wait_for(parts.stop(), 20)


@pytest.fixture
async def control(kafka: EmbeddedKafka) -> AsyncIterator[ControlTopic]:
    control = ControlTopic(MODEL_PROMOTIONS, KafkaConnection(bootstrap_servers=kafka.bootstrap_servers))
    await control.start()
    yield control
    await control.stop()


async def test_a_gateway_says_503_while_the_broker_is_away_and_recovers_by_itself(
    kafka: EmbeddedKafka, parts: Parts
) -> None:
    await accepted(parts, 1)
    kafka.kill()
    with pytest.raises(NotAccepted):
        await parts.submissions.submit(body(2), caller())
    await until(lambda: "broker" in parts.not_ready())
    assert not parts.is_broken
    await asyncio.to_thread(kafka.restart)
    await until(lambda: not parts.not_ready())
    await accepted(parts, 3)


async def test_the_newest_promotion_is_waited_for_while_the_broker_is_away(
    kafka: EmbeddedKafka, control: ControlTopic
) -> None:
    kafka.kill()
    newest = asyncio.create_task(control.newest())
    done, _ = await asyncio.wait([newest], timeout=1)
    assert not done
    await asyncio.to_thread(kafka.restart)
    assert await asyncio.wait_for(newest, 60) == {}


async def test_a_gateway_ends_when_told_though_the_broker_is_away(kafka: EmbeddedKafka, parts: Parts) -> None:
    kafka.kill()
    with pytest.raises(NotAccepted):
        await parts.submissions.submit(body(4), caller())
    await asyncio.wait_for(parts.stop(), 20)
    await asyncio.to_thread(kafka.restart)
