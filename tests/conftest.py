"""The Kafka broker of the test run: one for all suites, of the kind that `KAFKA_TESTS` names.

    embedded        (default) real Kafka from the extra `local`, on free ports, in a temporary folder
    external        the cluster at KAFKA_BOOTSTRAP_SERVERS
    testcontainers  the image apache/kafka, with a Docker engine

The broker is shared and may be shared with other runs: use `fresh_topic` and `fresh_name`, never a
fixed topic or group. A test that kills or stops brokers starts an `EmbeddedKafka` of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Protocol
from uuid import uuid4

import pytest
from aiokafka.admin import NewTopic
from pydantic_settings import BaseSettings

from infra.kafka.artifacts import KAFKA_VERSION
from infra.kafka.cluster import Cluster, on_cluster
from infra.kafka.config import LOCAL_SETTINGS, replication_settings, session_settings
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.errors import LocalExtraMissing
from infra.kafka.handshake import brokers_known_at
from infra.kafka.ports import LOOPBACK, free_ports


class BrokerChoice(BaseSettings):
    """Which broker the tests use, from the environment."""

    kafka_tests: Literal["embedded", "external", "testcontainers"] = "embedded"
    kafka_bootstrap_servers: str | None = None


class FreshTopic(Protocol):
    """Creates a topic with a name of its own and returns the name."""

    def __call__(self, partitions: int = 1, *, config: dict[str, str] | None = None) -> str: ...


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Addresses of a ready broker; the same one for the whole run."""
    choice = BrokerChoice()
    if choice.kafka_tests == "external":
        if not choice.kafka_bootstrap_servers:
            pytest.fail("KAFKA_TESTS=external needs KAFKA_BOOTSTRAP_SERVERS")
        yield choice.kafka_bootstrap_servers
    elif choice.kafka_tests == "testcontainers":
        yield from _broker_in_a_container()
    else:
        yield from _embedded_broker(tmp_path_factory.mktemp("kafka"))


@pytest.fixture
def fresh_name() -> Callable[[str], str]:
    """Makes a name that no other test and no other run uses: for topics, groups, clients."""
    return lambda prefix: f"{prefix}-{uuid4().hex[:12]}"


@pytest.fixture
def fresh_topic(kafka_bootstrap: str, fresh_name: Callable[[str], str]) -> FreshTopic:
    """Creates topics on the run's broker; call it outside of an event loop."""

    def create(partitions: int = 1, *, config: dict[str, str] | None = None) -> str:
        name = fresh_name("test")

        async def work(cluster: Cluster) -> None:
            await cluster.create([NewTopic(name, partitions, 1, topic_configs=config)])
            await cluster.wait_for_leaders({name: partitions})

        asyncio.run(on_cluster(kafka_bootstrap, work, timeout_s=30, client_options={}))
        return name

    return create


def _embedded_broker(folder: Path) -> Iterator[str]:
    try:
        with EmbeddedKafka(folder) as kafka:
            yield kafka.bootstrap_servers
    except LocalExtraMissing as error:
        pytest.skip(str(error))


def _broker_in_a_container() -> Iterator[str]:
    container_module = pytest.importorskip(
        "testcontainers.core.container", reason="testcontainers is not installed"
    )
    (port,) = free_ports(1)
    settings = {
        "node.id": "1",
        "process.roles": "broker,controller",
        "controller.quorum.voters": "1@localhost:9093",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        **LOCAL_SETTINGS,
        **replication_settings(1),
        **session_settings(1),
    }
    container = container_module.DockerContainer(f"apache/kafka:{KAFKA_VERSION}").with_bind_ports(port, port)
    for key, value in settings.items():
        container = container.with_env("KAFKA_" + key.upper().replace(".", "_"), value)
    with container:
        deadline = time.monotonic() + 60
        while not brokers_known_at(LOOPBACK, port, timeout_s=2):
            if time.monotonic() > deadline:
                pytest.fail("the broker in the container did not answer within 60 s")
        yield f"{LOOPBACK}:{port}"
