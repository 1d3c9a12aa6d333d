"""The embedded broker against a real client: starts, stops, loses its process, keeps its records."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from infra.kafka.cluster import Cluster, on_cluster
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.errors import BrokerStartFailed, PortTaken, StorageMismatch
from infra.kafka.handshake import brokers_known_at
from infra.kafka.ports import LOOPBACK, free_ports

TOPIC = "records"


def create_topic(servers: str, *, replication: int = 1) -> None:
    async def work(cluster: Cluster) -> None:
        await cluster.create([NewTopic(TOPIC, 1, replication)])
        await cluster.wait_for_leaders({TOPIC: 1})

    asyncio.run(on_cluster(servers, work, timeout_s=30, client_options={}))


def send(servers: str, values: Sequence[bytes]) -> None:
    """Send with acks=all; returns when each record is acknowledged."""

    async def go() -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=servers, acks="all", enable_idempotence=True, request_timeout_ms=30_000
        ) as producer:
            for value in values:
                await producer.send_and_wait(TOPIC, value)

    asyncio.run(go())


def read_all(servers: str) -> list[bytes]:
    async def go() -> list[bytes]:
        partition = TopicPartition(TOPIC, 0)
        async with AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            end = (await consumer.end_offsets([partition]))[partition]
            values: list[bytes] = []
            while await consumer.position(partition) < end:
                record = await consumer.getone()
                values.append(record.value)
            return values

    return asyncio.run(go())


def wait_until(is_so: Callable[[], bool], what: str, *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"


def numbered(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


def test_records_survive_a_stop_a_restart_and_a_kill(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path) as kafka:
        create_topic(kafka.bootstrap_servers)
        send(kafka.bootstrap_servers, numbered(0, 10))

    # A new object, other ports, the same folder.
    with EmbeddedKafka(tmp_path) as kafka:
        address, first_pid = kafka.bootstrap_servers, kafka.pid()
        assert read_all(address) == numbered(0, 10)
        send(address, numbered(10, 20))

        kafka.kill()
        with pytest.raises(RuntimeError, match="does not run"):
            kafka.pid()
        kafka.restart()
        assert kafka.bootstrap_servers == address
        assert kafka.pid() != first_pid
        assert read_all(address) == numbered(0, 20)


def test_a_paused_node_keeps_its_port_open_but_answers_nobody_until_it_is_resumed(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with EmbeddedKafka(tmp_path, ports=[port]) as kafka:
        kafka.pause()
        with socket.create_connection((LOOPBACK, port), timeout=5):
            assert brokers_known_at(LOOPBACK, port, timeout_s=0.5) == frozenset()
        kafka.resume()
        wait_until(lambda: brokers_known_at(LOOPBACK, port, timeout_s=2) == {0}, "the node answers again")
        # A paused node must not keep its owner from stopping.
        kafka.pause()


def test_a_taken_port_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            EmbeddedKafka(tmp_path, ports=[port]).start()
    assert not list(tmp_path.glob("node-*"))


def test_a_node_that_cannot_start_shows_the_end_of_its_log_and_leaves_nothing_running(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path, settings={"log.retention.ms": "soon"})
    with pytest.raises(BrokerStartFailed, match=r"log\.retention\.ms"):
        kafka.start()
    with pytest.raises(RuntimeError):
        kafka.pid()


def test_the_storage_of_one_node_is_not_started_as_three(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text('{"id": "AAAAAAAAAAAAAAAAAAAAAQ", "nodes": 1}')
    with pytest.raises(StorageMismatch, match="holds a cluster of 1"):
        EmbeddedKafka(tmp_path, nodes=3).start()


def start_command(folder: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "infra.kafka.embedded", "--data", str(folder), "--port", str(port)]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what goes into the background like this, and the command would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def until_ready(owner: subprocess.Popen[str]) -> None:
    assert owner.stdout is not None
    assert any("Kafka is ready" in line for line in owner.stdout)


@pytest.mark.parametrize("told_to_end", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_the_command_runs_until_it_is_told_to_end(tmp_path: Path, told_to_end: signal.Signals) -> None:
    (port,) = free_ports(1)
    with start_command(tmp_path, port) as owner:
        until_ready(owner)
        assert brokers_known_at(LOOPBACK, port, timeout_s=5) == {0}
        owner.send_signal(told_to_end)
        assert owner.wait(timeout=30) == 0
    assert brokers_known_at(LOOPBACK, port, timeout_s=5) == frozenset()


def test_a_broker_does_not_outlive_an_owner_that_was_killed(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with start_command(tmp_path, port) as owner:
        until_ready(owner)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait(timeout=30)
        wait_until(lambda: not brokers_known_at(LOOPBACK, port, timeout_s=2), "the broker is gone")


@pytest.mark.slow
def test_three_nodes_keep_acknowledged_records_when_one_is_killed(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path, nodes=3) as kafka:
        servers = kafka.bootstrap_servers
        ports = [int(address.split(":")[1]) for address in servers.split(",")]
        assert all(brokers_known_at(LOOPBACK, port, timeout_s=5) == {0, 1, 2} for port in ports)
        create_topic(servers, replication=3)
        send(servers, numbered(0, 10))
        kafka.kill(node=1)
        send(servers, numbered(10, 20))
        assert read_all(servers) == numbered(0, 20)
        kafka.restart(node=1)
        assert read_all(servers) == numbered(0, 20)
