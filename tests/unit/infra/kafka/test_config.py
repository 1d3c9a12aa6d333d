from __future__ import annotations

from pathlib import Path

import pytest

from infra.kafka.config import Node, heap_mb, open_listeners, replication_settings, server_properties


def cluster_of(count: int) -> tuple[Node, ...]:
    return tuple(
        Node(
            number,
            port=21_000 + number,
            controller_port=22_000 + number,
            folder=Path(f"/kafka/node-{number}"),
        )
        for number in range(count)
    )


def read(properties: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in properties.splitlines())


def test_a_lone_node_keeps_one_copy_of_everything() -> None:
    (node,) = cluster_of(1)
    settings = read(server_properties(node, cluster=(node,), listeners=open_listeners(node), overrides={}))
    copies = {key: value for key, value in settings.items() if key.endswith("replication.factor")}
    assert len(copies) == 4
    assert set(copies.values()) == {"1"}
    assert settings["min.insync.replicas"] == "1"


def test_three_nodes_keep_three_copies_of_which_two_must_be_in_sync() -> None:
    settings = replication_settings(3)
    assert settings["default.replication.factor"] == "3"
    assert settings["min.insync.replicas"] == "2"
    assert settings["offsets.topic.replication.factor"] == "3"


def test_every_node_names_the_same_quorum_and_its_own_listeners() -> None:
    cluster = cluster_of(3)
    nodes = [
        read(server_properties(node, cluster=cluster, listeners=open_listeners(node), overrides={}))
        for node in cluster
    ]
    assert {node["controller.quorum.voters"] for node in nodes} == {
        "0@127.0.0.1:22000,1@127.0.0.1:22001,2@127.0.0.1:22002"
    }
    assert [node["listeners"] for node in nodes] == [
        f"PLAINTEXT://127.0.0.1:{21_000 + number},CONTROLLER://127.0.0.1:{22_000 + number}"
        for number in range(3)
    ]
    assert len({node["log.dirs"] for node in nodes}) == 3


def test_topics_come_from_the_contracts_only_and_groups_form_at_once() -> None:
    (node,) = cluster_of(1)
    settings = read(server_properties(node, cluster=(node,), listeners=open_listeners(node), overrides={}))
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["group.initial.rebalance.delay.ms"] == "0"
    assert settings["group.min.session.timeout.ms"] == "1000"


def test_a_setting_of_the_caller_wins() -> None:
    (node,) = cluster_of(1)
    overrides = {"message.max.bytes": "1000", "log.segment.bytes": "2000000"}
    settings = read(
        server_properties(node, cluster=(node,), listeners=open_listeners(node), overrides=overrides)
    )
    assert settings["message.max.bytes"] == "1000"
    assert settings["log.segment.bytes"] == "2000000"


@pytest.mark.parametrize("nodes", [1, 3])
def test_the_heaps_of_a_cluster_fit_into_one_gigabyte(nodes: int) -> None:
    assert nodes * heap_mb(nodes) <= 1024
