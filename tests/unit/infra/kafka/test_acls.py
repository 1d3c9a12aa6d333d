"""The table of roles against the contracts: every topic has its writers and readers, and no role is wide."""

from __future__ import annotations

import re

import pytest

from contracts.lanes import Lane
from contracts.topics import TOPICS, Topic
from infra.kafka.acls import ROLES, Kind, Operation, Role, declared_acls

#: Roles by the words in which contracts/topics.py names who is at a topic's ends.
ROLES_OF = {
    "gateway": {"gateway"},
    "any Kafka producer": {"application-producer"},
    "scorer": {"scorer-sync", "scorer-batch"},
    "scorer --lane batch": {"scorer-batch"},
    "score-batch": {"batch-producer"},
    "ledger": {"ledger"},
    "archive": {"archive"},
    "scorestream dlq": {"operator"},
    "operators": {"operator"},
    "training": {"training"},
    "scorestream drift": {"training"},
    "feature_service": {"feature-publisher"},
}


def roles_that(operation: Operation, topic: Topic) -> set[str]:
    return {
        acl.principal.removeprefix("User:")
        for acl in declared_acls()
        if (acl.operation, acl.kind, acl.name) == (operation, Kind.TOPIC, topic.name)
    }


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_who_the_contract_names_at_a_topics_ends_may_work_there(topic: Topic) -> None:
    for operation, words in ((Operation.WRITE, topic.producers), (Operation.READ, topic.consumers)):
        found = roles_that(operation, topic)
        for word in words:
            if word == "any Kafka producer" and topic.name == "outcomes":
                continue  # whose system that is, is the installation's to say
            assert ROLES_OF[word] & found, f"{word} may not {operation.name} {topic.name}"


def test_only_a_lanes_own_scorer_writes_its_decisions() -> None:
    for lane in Lane:
        assert roles_that(Operation.WRITE, lane.predictions) == {f"scorer-{lane.value}"}


def test_only_scorers_answer_and_only_gateways_read_the_answers() -> None:
    (replies,) = [topic for topic in TOPICS if topic.name == "replies"]
    assert roles_that(Operation.WRITE, replies) == {"scorer-sync", "scorer-batch"}
    assert roles_that(Operation.READ, replies) == {"gateway"}


def test_only_the_administrator_may_touch_the_cluster() -> None:
    assert {acl.principal for acl in declared_acls() if acl.kind is Kind.CLUSTER} == {"User:platform-admin"}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_role_says_what_it_is_for_and_names_no_wildcard(role: Role) -> None:
    acls = list(role.acls("User:x"))
    assert role.purpose
    assert acls
    assert all(re.fullmatch(r"[a-z-]+", acl.name) for acl in acls)


def test_an_installations_own_names_take_the_place_of_the_roles() -> None:
    acls = declared_acls({"gateway": "User:CN=gateway"})
    assert {acl.principal for acl in acls} >= {"User:CN=gateway"}
    assert "User:gateway" not in {acl.principal for acl in acls}


def test_a_further_reply_topic_is_for_scorers_to_write() -> None:
    added = set(declared_acls(reply_topics=["replies-of-a-bank"])) - set(declared_acls())
    assert {(acl.principal, acl.operation) for acl in added} == {
        ("User:scorer-sync", Operation.WRITE),
        ("User:scorer-batch", Operation.WRITE),
    }


def test_the_lag_exporter_sees_how_long_every_topic_is_and_reads_only_what_it_must_time() -> None:
    assert {topic.name for topic in TOPICS} == {
        acl.name for acl in declared_acls() if acl.principal == "User:lag-exporter" and acl.kind is Kind.TOPIC
    }
    assert roles_that(Operation.READ, TOPICS[0]) >= {"lag-exporter"}
    assert "lag-exporter" not in roles_that(Operation.READ, Lane.SYNC.predictions)
