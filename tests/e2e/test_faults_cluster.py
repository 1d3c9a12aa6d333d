"""Three nodes, replication 3, two in-sync copies: a leader that dies or freezes costs no application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.events import ModelPromoted
from contracts.topics import APPLICATIONS
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.topics import ensure_topics
from tests.e2e.audit import audit
from tests.e2e.conftest import PARTITIONS
from tests.e2e.faults import PATIENT, FaultyPath, applicants, now, report, wait_until_answered
from tests.e2e.load import Load

pytestmark = pytest.mark.faults


@contextmanager
def three_nodes(folder: Path, promoted: ModelPromoted) -> Iterator[tuple[EmbeddedKafka, FaultyPath]]:
    """A cluster that may lose a node, with topics and a model in Production."""
    with EmbeddedKafka(folder / "kafka", nodes=3) as kafka:
        asyncio.run(ensure_topics(kafka.bootstrap_servers, partitions=PARTITIONS, replication=3))
        path = FaultyPath(kafka.bootstrap_servers, folder)
        path.promote(promoted)
        try:
            yield kafka, path
        finally:
            path.stop()


def leader(kafka: EmbeddedKafka, partition: int = 0) -> int:
    """The node, counted from 0, that leads a partition of `applications`."""
    port = asyncio.run(_leader_port(kafka.bootstrap_servers, TopicPartition(APPLICATIONS.name, partition)))
    ports = [int(address.rpartition(":")[2]) for address in kafka.bootstrap_servers.split(",")]
    return ports.index(port)


async def _leader_port(bootstrap_servers: str, where: TopicPartition) -> int:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers) as consumer:
        await consumer.partitions_for_topic(where.topic) if consumer.assignment() else None
        consumer.assign([where])
        await consumer.position(where)
        cluster = consumer._client.cluster
        return int(cluster.broker_metadata(cluster.leader_for_partition(where)).port)


def test_a_leader_that_is_killed_costs_nothing_accepted(tmp_path: Path, promoted: ModelPromoted) -> None:
    with three_nodes(tmp_path, promoted) as (kafka, path):
        scorer, gateway = path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants, rate_per_s=60) as load:
            for _ in range(3):
                wait_until_answered(load, since_s=now())
                node = leader(kafka)
                killed = now()
                kafka.kill(node)
                back_s = wait_until_answered(load, since_s=killed, timeout_s=90)
                kafka.restart(node)
            wait_until_answered(load, since_s=now())
        audited = audit(kafka.bootstrap_servers, load.requests)
        report(
            "the leader killed three times, three nodes",
            statuses=dict(load.statuses()),
            back_s=back_s,
            decided_again=audited.decided_again,
        )
        assert set(load.statuses()) <= {200, 202, 503}
        assert (scorer.exit_status, gateway.exit_status) == (None, None)


def test_a_leader_that_freezes_for_half_a_minute_costs_nothing_accepted(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with three_nodes(tmp_path, promoted) as (kafka, path):
        scorer, gateway = path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants, rate_per_s=60) as load:
            wait_until_answered(load, since_s=now())
            node = leader(kafka)
            kafka.pause(node)
            load.run_for(30)
            kafka.resume(node)
            wait_until_answered(load, since_s=now(), timeout_s=90)
        audited = audit(kafka.bootstrap_servers, load.requests)
        report(
            "the leader frozen for 30 s, three nodes",
            statuses=dict(load.statuses()),
            decided_again=audited.decided_again,
        )
        assert set(load.statuses()) <= {200, 202, 503}
        assert (scorer.exit_status, gateway.exit_status) == (None, None)
