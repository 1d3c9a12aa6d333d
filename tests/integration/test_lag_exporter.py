"""The lag exporter as a process, against a broker of its own, with no scorer anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from contracts.lanes import Lane
from contracts.topics import APPLICATIONS, APPLICATIONS_DLQ
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.errors import LocalExtraMissing
from infra.kafka.topics import ensure_topics
from tests.e2e.processes import Process, wait_until

LONG_AGO_MS = 1_700_000_000_000
LAG, OLDEST = "scorestream_lag_records", "scorestream_lag_oldest_undecided_seconds"
WRITTEN = "scorestream_log_records_total"
SYNC_GROUP = Lane.SYNC.consumer_group


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    try:
        broker = EmbeddedKafka(tmp_path_factory.mktemp("kafka"))
        broker.start()
    except LocalExtraMissing as error:
        pytest.skip(str(error))
    asyncio.run(ensure_topics(broker.bootstrap_servers, partitions=2, replication=1))
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def exporter(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("lag")
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "LAG_POLL_EVERY_S": "0.1",
        "LAG_OTHER_GROUPS": "reader",
        "LAG_RUN_DIR": str(folder),
    }
    process = Process(["lag"], environment=settings, log_file=folder / "lag.log").start()
    yield process
    process.kill()


def samples(exporter: Process, name: str) -> list[tuple[Mapping[str, str], float]]:
    text = httpx.get(f"{exporter.url}/metrics").text
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]


def total(exporter: Process, name: str, **labels: str) -> float | None:
    found = [value for has, value in samples(exporter, name) if labels.items() <= has.items()]
    return sum(found) if found else None


async def write(kafka: EmbeddedKafka, topic: str, partition: int, *, timestamp_ms: int | None = None) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        await producer.send_and_wait(topic, b"{}", partition=partition, timestamp_ms=timestamp_ms)


async def commit(kafka: EmbeddedKafka, group: str, place: TopicPartition, offset: int) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign([place])
        await consumer.commit({place: offset})
    finally:
        await consumer.stop()


def test_with_nothing_written_nothing_waits_and_every_partition_is_there(exporter: Process) -> None:
    assert total(exporter, OLDEST, lane="sync") == 0
    lags = [
        (labels["partition"], lag) for labels, lag in samples(exporter, LAG) if labels["group"] == SYNC_GROUP
    ]
    assert sorted(lags) == [("0", 0), ("1", 0)]


def test_without_any_scorer_what_waits_is_counted_and_grows_old(
    kafka: EmbeddedKafka, exporter: Process
) -> None:
    asyncio.run(write(kafka, APPLICATIONS.name, 0, timestamp_ms=LONG_AGO_MS))
    asyncio.run(write(kafka, APPLICATIONS.name, 1))
    wait_until(lambda: total(exporter, LAG, group=SYNC_GROUP) == 2, why="both are counted as waiting")
    assert (total(exporter, OLDEST, lane="sync") or 0) > 3600
    assert total(exporter, WRITTEN, topic="applications") == 2


def test_what_was_committed_waits_no_more_and_the_next_one_gives_the_age(
    kafka: EmbeddedKafka, exporter: Process
) -> None:
    asyncio.run(commit(kafka, SYNC_GROUP, TopicPartition(APPLICATIONS.name, 0), 1))
    wait_until(lambda: total(exporter, LAG, group=SYNC_GROUP) == 1, why="one is left")
    assert (total(exporter, OLDEST, lane="sync") or 0) < 3600
    asyncio.run(commit(kafka, SYNC_GROUP, TopicPartition(APPLICATIONS.name, 1), 1))
    wait_until(lambda: total(exporter, OLDEST, lane="sync") == 0, why="nothing waits")


def test_dead_letters_are_counted_from_the_log(kafka: EmbeddedKafka, exporter: Process) -> None:
    assert total(exporter, WRITTEN, topic="applications-dlq") == 0
    asyncio.run(write(kafka, APPLICATIONS_DLQ.name, 0))
    wait_until(
        lambda: total(exporter, WRITTEN, topic="applications-dlq") == 1, why="the dead letter is counted"
    )


def test_a_further_group_is_watched_where_it_committed(kafka: EmbeddedKafka, exporter: Process) -> None:
    asyncio.run(commit(kafka, "reader", TopicPartition(APPLICATIONS.name, 0), 0))
    wait_until(lambda: total(exporter, LAG, group="reader") == 1, why="the group is one behind")


def test_a_broker_that_goes_away_is_said_and_old_lags_are_not(
    kafka: EmbeddedKafka, exporter: Process
) -> None:
    kafka.stop()
    wait_until(lambda: total(exporter, "scorestream_lag_broker_reached") == 0, why="it says so")
    assert not exporter.is_ready()
    assert total(exporter, LAG) is None
    assert httpx.get(f"{exporter.url}/healthz").status_code == 200


@pytest.mark.slow
def test_a_broker_that_comes_back_is_asked_again(kafka: EmbeddedKafka, exporter: Process) -> None:
    kafka.stop()
    wait_until(lambda: not exporter.is_ready(), why="it says that Kafka is away")
    kafka.start()
    wait_until(lambda: total(exporter, LAG, group=SYNC_GROUP) is not None, timeout_s=60, why="it goes on")
    assert exporter.is_ready()


def test_it_ends_in_order(exporter: Process) -> None:
    assert exporter.terminate() == 0
