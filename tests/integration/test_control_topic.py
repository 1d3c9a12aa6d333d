"""Following a control topic on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from contracts.topics import MODEL_PROMOTIONS, Topic
from infra.runtime.compacted import ControlTopic
from infra.runtime.kafka import KafkaConnection
from tests.conftest import FreshTopic

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def topic(fresh_topic: FreshTopic) -> Topic:
    name = fresh_topic(1, config=MODEL_PROMOTIONS.config())
    return Topic(name, key="k", value="v", producers=(), consumers=(), retention_ms=-1)


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        yield producer


@pytest.fixture
async def control(kafka_bootstrap: str, topic: Topic) -> AsyncIterator[ControlTopic]:
    control = ControlTopic(topic, KafkaConnection(bootstrap_servers=kafka_bootstrap))
    await control.start()
    yield control
    await control.stop()


async def test_an_empty_topic_has_nothing_newest(control: ControlTopic) -> None:
    assert await asyncio.wait_for(control.newest(), 20) == {}


async def test_the_newest_of_each_key_comes_first_and_then_what_is_written(
    control: ControlTopic, topic: Topic, producer: AIOKafkaProducer
) -> None:
    for key, value in [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"c", None)]:
        await producer.send_and_wait(topic.name, value, key=key)
    assert await asyncio.wait_for(control.newest(), 20) == {b"a": b"2", b"b": b"1"}
    await producer.send_and_wait(topic.name, b"3", key=b"a")
    async for change in control.changes():
        assert change == (b"a", b"3")
        break


async def test_it_can_be_stopped_twice_and_not_used_before_its_start(
    control: ControlTopic, topic: Topic
) -> None:
    await control.stop()
    await control.stop()
    with pytest.raises(RuntimeError, match="was not awaited"):
        await control.newest()
