"""What a node's `server.properties` says, and why. Pure: paths and ports in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.kafka.ports import LOOPBACK

MESSAGE_MAX_BYTES: Final = 2 * 1024 * 1024

# Differences from Kafka's defaults that hold for every node on one machine.
LOCAL_SETTINGS: Final[Mapping[str, str]] = {
    # A topic that a typo creates is a topic that nobody reads: topics come from contracts.topics only.
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "message.max.bytes": str(MESSAGE_MAX_BYTES),
    "replica.fetch.max.bytes": str(MESSAGE_MAX_BYTES),
    # Joining a group must not wait 3 s for members that do not come, and a session of 1 s must be
    # allowed, so that tests see a lost member soon.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # Internal topics have 50 partitions by default: 150 log folders and seconds of every start.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # One person's machine, not a server: fewer threads, and a cleaner that does not take
    # 128 MB of a 512 MB heap for itself.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One combined broker and controller: its number, where it listens, where it keeps its files."""

    number: int
    port: int
    controller_port: int
    folder: Path
    #: Where nodes of a secured cluster reach each other, and we ask whether they are ready.
    internal_port: int = 0

    @property
    def address(self) -> str:
        """What a client connects to."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ports(self) -> tuple[int, ...]:
        """All that it listens on."""
        return tuple(port for port in (self.port, self.controller_port, self.internal_port) if port)

    @property
    def properties_file(self) -> Path:
        """Kafka's configuration of this node, rewritten at every start."""
        return self.folder / "server.properties"

    @property
    def storage(self) -> Path:
        """Kafka's log directory: the records."""
        return self.folder / "storage"

    @property
    def log_file(self) -> Path:
        """What the process printed, all starts after each other."""
        return self.folder / "kafka.log"


def heap_mb(nodes: int) -> int:
    """Megabytes of Java heap per node: three together stay near the one's footprint twice."""
    return 512 if nodes == 1 else 320


def session_settings(nodes: int) -> dict[str, str]:
    """How long a silent broker counts as alive: 9 s by default.

    A killed broker cannot register again before its old session has run out, so a lone node, whose
    controller is silent with it anyway, gets a short one.
    """
    session_ms = 3_000 if nodes == 1 else 6_000
    return {
        "broker.session.timeout.ms": str(session_ms),
        "broker.heartbeat.interval.ms": str(session_ms // 6),
    }


def replication_settings(nodes: int) -> dict[str, str]:
    """Copies of each record, and how many must have it before `acks=all` is answered."""
    copies, in_sync = (str(min(nodes, 3)), "2" if nodes >= 3 else "1")
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def open_listeners(node: Node) -> dict[str, str]:
    """Everything in plain text and open to everybody, which is for 127.0.0.1 only."""
    return {
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }


def server_properties(
    node: Node, *, cluster: tuple[Node, ...], listeners: Mapping[str, str], overrides: Mapping[str, str]
) -> str:
    """The text of `server.properties` for one node of the cluster; overrides win."""
    # The quorum is written down here instead of in the storage (kraft.version 0), so that a later
    # start of the same storage may use other ports.
    voters = ",".join(f"{peer.number}@{LOOPBACK}:{peer.controller_port}" for peer in cluster)
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(node.storage),
        **listeners,
        **LOCAL_SETTINGS,
        **session_settings(len(cluster)),
        **replication_settings(len(cluster)),
        **overrides,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())
