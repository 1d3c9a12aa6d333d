from __future__ import annotations

import pytest

from contracts.topics import TOPICS, Topic
from infra.kafka.cluster import TopicState
from infra.kafka.topics import Difference, config_differences, declared_config, would_delete

by_name = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def as_declared(topic: Topic, *, replication: int, **other: str) -> TopicState:
    config = {**declared_config(topic, replication=replication), "segment.bytes": "1073741824"}
    config |= {setting.replace("_", "."): value for setting, value in other.items()}
    return TopicState(topic.name, partitions=4, replication=replication, has_leaders=True, config=config)


@by_name
@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_two_copies_must_be_in_sync_as_soon_as_there_are_three(
    topic: Topic, replication: int, in_sync: str
) -> None:
    assert declared_config(topic, replication=replication)["min.insync.replicas"] == in_sync


@by_name
def test_a_topic_out_of_sync_never_elects_a_leader_that_lost_records(topic: Topic) -> None:
    assert declared_config(topic, replication=3)["unclean.leader.election.enable"] == "false"


@by_name
def test_a_topic_as_declared_has_no_differences(topic: Topic) -> None:
    assert config_differences(topic, as_declared(topic, replication=3)) == ()


@by_name
def test_a_setting_that_differs_is_named_with_both_values(topic: Topic) -> None:
    state = as_declared(topic, replication=1, max_message_bytes="1000")
    assert config_differences(topic, state) == (
        Difference(topic.name, "max.message.bytes", found="1000", declared=str(topic.max_message_bytes)),
    )


@by_name
def test_a_topic_of_one_copy_is_not_asked_for_two_in_sync(topic: Topic) -> None:
    # It would refuse every write with acks=all.
    state = as_declared(topic, replication=1)
    assert "min.insync.replicas" not in {found.setting for found in config_differences(topic, state)}


@pytest.mark.parametrize(
    ("setting", "found", "declared"),
    [
        ("retention.ms", "2000", "1000"),
        ("retention.ms", "-1", "1000"),
        ("retention.bytes", "-1", "5000"),
        ("cleanup.policy", "delete", "compact"),
        ("cleanup.policy", "compact", "delete"),
    ],
)
def test_what_could_remove_records_is_recognised(setting: str, found: str, declared: str) -> None:
    assert would_delete(Difference("applications", setting, found, declared))


@pytest.mark.parametrize(
    ("setting", "found", "declared"),
    [
        ("retention.ms", "1000", "2000"),
        ("retention.ms", "1000", "-1"),
        ("max.message.bytes", "2000", "1000"),
        ("min.insync.replicas", "1", "2"),
    ],
)
def test_what_keeps_every_record_may_be_set(setting: str, found: str, declared: str) -> None:
    assert not would_delete(Difference("applications", setting, found, declared))
