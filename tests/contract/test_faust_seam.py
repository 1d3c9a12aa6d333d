"""Faust, as pinned, has what `scorer.faust_seam` and `scorer.app` use, and does what they count on."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.transport.consumer import ThreadDelegateConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types.tuples import Message

from infra.runtime.kafka import KafkaConnection
from scorer import faust_seam
from scorer.arrivals import Arrival
from scorer.records import InputRecord
from tests.conftest import FreshTopic

pytestmark = pytest.mark.anyio

PARTITIONS = 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("mode-streaming") == "0.7.1"


def test_faust_has_its_consumer_in_a_thread_that_takes_calls() -> None:
    assert issubclass(Consumer, ThreadDelegateConsumer)
    assert parameters(AIOKafkaConsumerThread._ensure_consumer) == ["self"]
    assert inspect.iscoroutinefunction(AIOKafkaConsumerThread.call_thread)
    assert parameters(AIOKafkaConsumer.commit) == ["self", "offsets"]


def test_positions_are_asked_for_by_partition() -> None:
    assert parameters(Consumer.assignment) == ["self"]
    assert parameters(Consumer.highwater) == ["self", "tp"]


def test_a_message_knows_the_generation_it_was_fetched_in() -> None:
    fields = parameters(Message.__init__)
    assert {"topic", "partition", "offset", "timestamp", "headers", "key", "value", "generation_id"} <= {
        *fields
    }


def test_an_application_takes_the_settings_that_keep_it_quiet() -> None:
    app = faust_seam.make_app("contract", KafkaConnection(bootstrap_servers="a:1, b:2"), session_timeout_s=6)
    assert [str(url) for url in app.conf.broker] == ["kafka://a:1", "kafka://b:2"]
    assert app.conf.broker_session_timeout == 6
    assert app.conf.broker_heartbeat_interval == 1
    assert not app.conf.web_enabled
    assert app.conf.topic_disable_leader
    assert not app.conf.topic_allow_declare
    assert isinstance(app.consumer_generation_id, int)
    assert hasattr(app, "crash_reason")
    assert inspect.iscoroutinefunction(app.wait_until_stopped)
    assert hasattr(app.on_partitions_revoked, "connect")
    assert hasattr(app.on_rebalance_complete, "connect")


def test_a_consumer_hands_over_whole_fetches_where_faust_would_hand_over_records() -> None:
    assert parameters(Consumer.getmany) == ["self", "timeout"]
    assert inspect.isasyncgenfunction(Consumer.getmany)
    assert inspect.iscoroutinefunction(Consumer._wait_next_records)
    assert parameters(Consumer._to_message) == ["self", "tp", "record"]
    assert parameters(Consumer.on_buffer_full) == parameters(Consumer.on_buffer_drop) == ["self", "tp"]
    app = faust_seam.make_app("contract", KafkaConnection(), session_timeout_s=6)
    assert app.transport.Consumer is faust_seam.FetchConsumer
    assert app.conf.stream_buffer_maxsize == 1


def test_the_input_is_raw_and_never_acknowledged_by_faust() -> None:
    app = faust_seam.make_app("contract", KafkaConnection(), session_timeout_s=6)
    channel = faust_seam.input_channel(app, "applications")
    assert channel.acks is False


class Reader:
    """A Faust app on a topic, with every event it was handed."""

    def __init__(self, bootstrap_servers: str, group: str, topic: str) -> None:
        connection = KafkaConnection(bootstrap_servers=bootstrap_servers)
        self.app = faust_seam.make_app(group, connection, session_timeout_s=6)
        self.arrived: list[Arrival] = []
        self.fetches: list[faust_seam.Fetch] = []
        self.assigned: list[set[int]] = []
        self.revoked = 0
        self._topic = topic
        channel = faust_seam.input_channel(self.app, topic)

        async def lane(stream: Any) -> None:
            async for event in stream.events():
                fetch = faust_seam.fetched(event)
                self.fetches.append(fetch)
                self.arrived += [Arrival(fetch.generation, record) for record in fetch.records]

        self.agent = self.app.agent(channel, concurrency=1, name="lane")(lane)
        self.app.on_rebalance_complete.connect(self._rebalanced)
        self.app.on_partitions_revoked.connect(self._revoked)

    async def _rebalanced(self, _: faust.App, **__: Any) -> None:
        self.assigned.append(faust_seam.assigned_partitions(self.app, self._topic))

    async def _revoked(self, _: faust.App, revoked: Any = None, **__: Any) -> None:
        self.revoked += 1

    def records(self) -> list[InputRecord]:
        return [one.record for one in self.arrived]

    def is_current(self, arrival: Arrival) -> bool:
        return arrival.generation == faust_seam.current_generation(self.app)


@contextlib.asynccontextmanager
async def running(reader: Reader) -> AsyncIterator[Reader]:
    await reader.app.start()
    try:
        yield reader
    finally:
        await reader.app.stop()


async def until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def committed(bootstrap_servers: str, group: str, topic: str) -> dict[int, int | None]:
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, group_id=group, enable_auto_commit=False
    ) as consumer:
        return {place.partition: await consumer.committed(place) for place in places}


async def produce(
    bootstrap_servers: str, topic: str, *records: tuple[int, bytes | None, bytes | None]
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        for partition, key, value in records:
            headers = [("one", b"\x00\xff"), ("two", b"first"), ("two", b"last"), ("none", None)]
            await producer.send_and_wait(topic, value, key=key, partition=partition, headers=headers)


@pytest.fixture
def topic(fresh_topic: FreshTopic) -> str:
    return fresh_topic(PARTITIONS)


@pytest.fixture
def group(fresh_name: Callable[[str], str]) -> str:
    return fresh_name("group")


async def test_records_of_any_kind_come_raw_and_in_order_and_nothing_is_committed_but_by_us(
    kafka_bootstrap: str, topic: str, group: str
) -> None:
    await produce(
        kafka_bootstrap,
        topic,
        (0, b"k", b"\xff\x00"),
        (0, None, b"v"),
        (0, b"tombstone", None),
        (1, b"k", b"v"),
    )
    async with running(Reader(kafka_bootstrap, group, topic)) as reader:
        await until(lambda: len(reader.arrived) == 4)
        records = {(one.partition, one.offset): one for one in reader.records()}
        assert [
            (one.key, one.value) for (partition, _), one in sorted(records.items()) if partition == 0
        ] == [
            (b"k", b"\xff\x00"),
            (None, b"v"),
            (b"tombstone", None),
        ]
        assert records[0, 0].headers == {"one": b"\x00\xff", "two": b"last"}
        assert records[0, 0].timestamp_ms > 1_600_000_000_000
        assert faust_seam.high_watermark(reader.app, topic, 0) == 3
        assert all(map(reader.is_current, reader.arrived))
        assert reader.assigned == [{0, 1}]
    assert await committed(kafka_bootstrap, group, topic) == {0: None, 1: None}

    async with running(Reader(kafka_bootstrap, group, topic)) as reader:
        await until(lambda: len(reader.arrived) == 4)
        assert await faust_seam.commit(reader.app, topic, {0: 2}, "working")
    assert await committed(kafka_bootstrap, group, topic) == {0: 2, 1: None}


async def test_after_a_rebalance_what_was_fetched_before_it_is_not_current(
    kafka_bootstrap: str, topic: str, group: str
) -> None:
    await produce(kafka_bootstrap, topic, (0, b"k", b"v"), (1, b"k", b"v"))
    async with running(Reader(kafka_bootstrap, group, topic)) as first:
        await until(lambda: len(first.arrived) == 2)
        before = list(first.arrived)
        async with running(Reader(kafka_bootstrap, group, topic)) as second:
            await until(lambda: bool(second.assigned) and len(first.assigned) > 1)
            await until(lambda: first.assigned[-1] | second.assigned[-1] == {0, 1})
            assert first.revoked
            assert not any(map(first.is_current, before))
            await until(lambda: len(first.arrived) + len(second.arrived) >= 4)
            assert all(map(first.is_current, first.arrived[2:]))


async def test_many_records_of_all_partitions_come_in_order_and_none_is_left_out(
    kafka_bootstrap: str, topic: str, group: str
) -> None:
    async with running(Reader(kafka_bootstrap, group, topic)) as reader:
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
            for number in range(3_000):
                await producer.send(topic, str(number).encode(), key=b"k", partition=number % PARTITIONS)
        await until(lambda: len(reader.arrived) >= 3_000)
        for partition in range(PARTITIONS):
            found = [record for record in reader.records() if record.partition == partition]
            assert [record.offset for record in found] == list(range(1_500))
            assert [int(record.value or b"") for record in found] == list(range(partition, 3_000, PARTITIONS))
            assert_joined(reader.fetches, partition)
        assert len(reader.fetches) > 1
        assert faust_seam.read_positions(reader.app) == {0: 1_500, 1: 1_500}


def assert_joined(fetches: list[faust_seam.Fetch], partition: int) -> None:
    """Each fetch began where the one before it ended."""
    reached = 0
    for fetch in fetches:
        offsets = [record.offset for record in fetch.records if record.partition == partition]
        if offsets:
            assert fetch.began_at[partition] == reached == offsets[0]
            reached = offsets[-1] + 1


async def test_a_reader_can_be_sent_back_to_any_offset_also_the_first(
    kafka_bootstrap: str, topic: str, group: str
) -> None:
    await produce(kafka_bootstrap, topic, (0, b"k", b"a"), (0, b"k", b"b"), (1, b"k", b"c"))
    async with running(Reader(kafka_bootstrap, group, topic)) as reader:
        await until(lambda: len(reader.arrived) == 3)
        await faust_seam.seek(reader.app, topic, {0: 0, 1: 1, 7: 3})
        await until(lambda: len(reader.arrived) == 5)
        assert [record.value for record in reader.records()[3:]] == [b"a", b"b"]
        assert reader.fetches[-1].began_at == {0: 0, 1: 1}


async def test_faust_leaves_a_reader_of_offset_zero_where_it_is(
    kafka_bootstrap: str, topic: str, group: str
) -> None:
    """Why `scorer.app` seeks for itself: whoever raises the pin may find this mended."""
    await produce(kafka_bootstrap, topic, (0, b"k", b"a"), (1, b"k", b"b"))
    async with running(Reader(kafka_bootstrap, group, topic)) as reader:
        await until(lambda: len(reader.arrived) == 2)
        assert await faust_seam.commit(reader.app, topic, {0: 0, 1: 1}, "")
        await reader.app.consumer.perform_seek()
        assert faust_seam.read_positions(reader.app) == {0: 1, 1: 1}


def test_the_consumer_thread_is_ours_to_extend() -> None:
    names = ["self", "consumer", "active_partitions", "timeout", "max_records"]
    assert parameters(AIOKafkaConsumerThread._fetch_records) == names
    assert parameters(faust_seam.FetchThread._fetch_records) == names
    assert parameters(Consumer._new_consumer_thread) == ["self"]
    assert parameters(Fetcher._create_fetch_waiter) == ["self"]
    assert isinstance(SubscriptionState.reassignment_in_progress, property)
    assert parameters(SubscriptionState.wait_for_assignment) == ["self"]


async def test_a_transactions_marks_are_no_gap_between_fetches(
    kafka_bootstrap: str, topic: str, group: str
) -> None:
    async with running(Reader(kafka_bootstrap, group, topic)) as reader:
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=group) as producer:
            for number in range(5):
                async with producer.transaction():
                    await producer.send_and_wait(topic, str(number).encode(), partition=0)
                await until(lambda: len(reader.arrived) == number + 1)  # noqa: B023 - awaited here
                await asyncio.sleep(0.3)  # the mark is read alone
        assert [record.offset for record in reader.records()] == [0, 2, 4, 6, 8]
        assert [fetch.began_at[0] for fetch in reader.fetches] == [0, 1, 3, 5, 7]
        assert faust_seam.read_positions(reader.app)[0] == 9
