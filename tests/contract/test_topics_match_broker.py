"""What `contracts.topics` declares is what a broker has after the topics were ensured."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

import pytest

from contracts.topics import LOCAL_PARTITIONS, TOPICS, Topic
from infra.kafka.cluster import TopicState
from infra.kafka.topics import ensure_topics, topic_states

PREFIX = f"contract-{uuid4().hex[:8]}-"


@pytest.fixture(scope="module")
def on_broker(kafka_bootstrap: str) -> Mapping[str, TopicState]:
    """Every declared topic as the broker has it, created under a prefix of this run."""
    topics = [replace(topic, name=PREFIX + topic.name) for topic in TOPICS]

    async def ensured() -> dict[str, TopicState]:
        await ensure_topics(kafka_bootstrap, partitions=LOCAL_PARTITIONS, replication=1, topics=topics)
        return await topic_states(kafka_bootstrap, topics=topics)

    found = asyncio.run(ensured())
    return {name.removeprefix(PREFIX): state for name, state in found.items()}


each_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def test_the_broker_has_every_declared_topic(on_broker: Mapping[str, TopicState]) -> None:
    assert set(on_broker) == {topic.name for topic in TOPICS}


@each_topic
def test_a_per_applicant_topic_has_the_partitions_asked_for_and_a_control_topic_one(
    topic: Topic, on_broker: Mapping[str, TopicState]
) -> None:
    assert on_broker[topic.name].partitions == (LOCAL_PARTITIONS if topic.is_partitioned else 1)


@each_topic
def test_every_declared_setting_is_in_force(topic: Topic, on_broker: Mapping[str, TopicState]) -> None:
    config = on_broker[topic.name].config
    assert {setting: config[setting] for setting in topic.config()} == topic.config()


@each_topic
def test_a_topic_keeps_records_as_long_as_it_says(topic: Topic, on_broker: Mapping[str, TopicState]) -> None:
    config = on_broker[topic.name].config
    if topic.is_compacted:
        assert (config["cleanup.policy"], config["retention.ms"]) == ("compact", "-1")
    else:
        assert (config["cleanup.policy"], config["retention.ms"]) == ("delete", str(topic.retention_ms))


@each_topic
def test_a_topic_never_elects_a_leader_that_lost_records(
    topic: Topic, on_broker: Mapping[str, TopicState]
) -> None:
    assert on_broker[topic.name].config["unclean.leader.election.enable"] == "false"
