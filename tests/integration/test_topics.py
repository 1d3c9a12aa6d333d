"""Creating topics on a real broker: idempotent, never shrinks, never deletes, bounded when nobody answers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner

from contracts.topics import APPLICATIONS, MODEL_PROMOTIONS, PREDICTIONS, TOPICS, Topic
from infra.kafka.cluster import Cluster, TopicState, on_cluster
from infra.kafka.errors import BrokerUnavailable, TooFewPartitions, TopicRefused
from infra.kafka.ports import LOOPBACK, free_ports
from infra.kafka.topics import Difference, TopicsReport, ensure_topics, topic_states
from scorestream.commands.topics import topics as topics_command

Ensure = Callable[..., TopicsReport]
States = Callable[[], dict[str, TopicState]]
SetConfig = Callable[[str, dict[str, str]], None]


@pytest.fixture
def declared(fresh_name: Callable[[str], str]) -> tuple[Topic, ...]:
    """Two per-applicant topics and a control topic, under names of this test's own."""
    prefix = fresh_name("ensure")
    return tuple(
        replace(topic, name=f"{prefix}-{topic.name}")
        for topic in (APPLICATIONS, PREDICTIONS, MODEL_PROMOTIONS)
    )


@pytest.fixture
def ensure(kafka_bootstrap: str, declared: tuple[Topic, ...]) -> Ensure:
    def run(
        *, partitions: int = 3, replication: int = 1, topics: tuple[Topic, ...] = declared, grow: bool = False
    ) -> TopicsReport:
        return asyncio.run(
            ensure_topics(
                kafka_bootstrap, partitions=partitions, replication=replication, topics=topics, grow=grow
            )
        )

    return run


@pytest.fixture
def states(kafka_bootstrap: str, declared: tuple[Topic, ...]) -> States:
    return lambda: asyncio.run(topic_states(kafka_bootstrap, topics=declared))


@pytest.fixture
def set_config(kafka_bootstrap: str, states: States) -> SetConfig:
    """An operator's change of a topic's settings; returns when the broker shows it."""

    def run(name: str, changes: dict[str, str]) -> None:
        topic = states()[name]

        async def work(cluster: Cluster) -> None:
            await cluster.set_config(topic, changes)

        asyncio.run(on_cluster(kafka_bootstrap, work, timeout_s=30, client_options={}))
        wait_until_set(states, name, changes)

    return run


def wait_until_set(states: States, name: str, expected: dict[str, str]) -> None:
    """A change is acknowledged by the controller before all brokers show it."""
    deadline = time.monotonic() + 30
    while not expected.items() <= states()[name].own_config.items():
        assert time.monotonic() < deadline, f"{name} does not show {expected}"


def partitions_of(states: dict[str, TopicState]) -> list[int]:
    return [state.partitions for state in states.values()]


def test_missing_topics_are_created_once_and_a_second_run_does_nothing(
    ensure: Ensure, declared: tuple[Topic, ...], states: States
) -> None:
    assert states() == {}
    assert ensure() == TopicsReport(created=tuple(topic.name for topic in declared))
    after_first = states()
    assert partitions_of(after_first) == [3, 3, 1]
    assert ensure() == TopicsReport()
    assert states() == after_first


def test_only_what_is_missing_is_created(ensure: Ensure, declared: tuple[Topic, ...]) -> None:
    ensure(topics=declared[:1])
    assert ensure().created == tuple(topic.name for topic in declared[1:])


def test_two_installations_at_once_both_succeed(kafka_bootstrap: str, declared: tuple[Topic, ...]) -> None:
    async def both() -> list[TopicsReport]:
        one = ensure_topics(kafka_bootstrap, partitions=2, replication=1, topics=declared)
        other = ensure_topics(kafka_bootstrap, partitions=2, replication=1, topics=declared)
        return list(await asyncio.gather(one, other))

    reports = asyncio.run(both())
    assert {name for report in reports for name in report.created} == {topic.name for topic in declared}


def test_too_few_partitions_are_refused_with_topic_numbers_and_mend(
    ensure: Ensure, declared: tuple[Topic, ...], states: States
) -> None:
    ensure(partitions=2)
    with pytest.raises(TooFewPartitions, match=r"has 2 partition\(s\) and needs 5.*--grow") as refused:
        ensure(partitions=5)
    assert (refused.value.topic, refused.value.has, refused.value.needs) == (declared[0].name, 2, 5)
    assert partitions_of(states()) == [2, 2, 1]


def test_topics_grow_only_when_asked(ensure: Ensure, declared: tuple[Topic, ...], states: States) -> None:
    ensure(partitions=2)
    assert ensure(partitions=5, grow=True).grown == (declared[0].name, declared[1].name)
    assert partitions_of(states()) == [5, 5, 1]


def test_topics_never_shrink(ensure: Ensure, declared: tuple[Topic, ...], states: States) -> None:
    ensure(partitions=4)
    report = ensure(partitions=2)
    assert report.left == tuple(Difference(topic.name, "partitions", "4", "2") for topic in declared[:2])
    assert not report.has_changed_something
    assert partitions_of(states()) == [4, 4, 1]


def test_a_setting_that_drifted_is_set_back_and_the_operators_other_settings_stay(
    ensure: Ensure,
    declared: tuple[Topic, ...],
    states: States,
    set_config: SetConfig,
) -> None:
    ensure()
    name = declared[0].name
    set_config(name, {"retention.ms": "60000", "segment.bytes": "33554432"})
    declared_ms = str(APPLICATIONS.retention_ms)
    assert ensure().altered == (Difference(name, "retention.ms", found="60000", declared=declared_ms),)
    wait_until_set(states, name, {"retention.ms": declared_ms, "segment.bytes": "33554432"})


def test_a_longer_retention_is_left_alone_because_shortening_it_deletes(
    ensure: Ensure,
    declared: tuple[Topic, ...],
    states: States,
    set_config: SetConfig,
) -> None:
    ensure()
    name = declared[0].name
    set_config(name, {"retention.ms": "-1"})
    report = ensure()
    assert report.left == (
        Difference(name, "retention.ms", found="-1", declared=str(APPLICATIONS.retention_ms)),
    )
    assert not report.has_changed_something
    assert states()[name].config["retention.ms"] == "-1"


def test_more_copies_than_there_are_brokers_are_refused_by_topic(
    ensure: Ensure, declared: tuple[Topic, ...]
) -> None:
    with pytest.raises(TopicRefused, match=r"replication factor") as refused:
        ensure(replication=99)
    assert refused.value.topic == declared[0].name


def test_nobody_listening_is_an_error_in_the_time_given() -> None:
    (port,) = free_ports(1)
    with pytest.raises(BrokerUnavailable, match=rf"127\.0\.0\.1:{port} within 1 s"):
        asyncio.run(ensure_topics(f"{LOOPBACK}:{port}", partitions=1, replication=1, timeout_s=1))


def test_a_port_that_accepts_and_never_answers_is_an_error_in_the_time_given() -> None:
    async def ensure_at(address: str) -> None:
        # Far above the second that is given, below the client's own 40 s.
        async with asyncio.timeout(20):
            await ensure_topics(address, partitions=1, replication=1, timeout_s=1)

    with socket.create_server((LOOPBACK, 0)) as server:
        address = f"{LOOPBACK}:{server.getsockname()[1]}"
        with pytest.raises(BrokerUnavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
            asyncio.run(ensure_at(address))


def test_the_command_says_in_one_line_that_no_broker_answers() -> None:
    (port,) = free_ports(1)
    asked = ["ensure", "--bootstrap-servers", f"{LOOPBACK}:{port}", "--timeout", "1"]
    result = CliRunner().invoke(topics_command, asked)
    assert result.exit_code == 1
    assert result.output.startswith("Error: no Kafka broker answered")
    assert len(result.output.splitlines()) == 1


def test_the_list_command_shows_every_declared_topic(kafka_bootstrap: str) -> None:
    result = CliRunner().invoke(topics_command, ["list", "--bootstrap-servers", kafka_bootstrap])
    assert result.exit_code == 0
    assert [topic.name for topic in TOPICS if topic.name not in result.output] == []
