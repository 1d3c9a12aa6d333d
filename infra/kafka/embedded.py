"""Real Apache Kafka on one machine: one node or three, started and stopped like a context manager.

    with EmbeddedKafka(Path(".run/kafka")) as kafka:
        ... kafka.bootstrap_servers ...

    python -m infra.kafka.embedded --data .run/kafka --port 9092

Used by the demo and the tests alike. KRaft, every node broker and controller in one process, all
on 127.0.0.1. Records stay in the data folder: a later start finds them. Knows no topics.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self
from uuid import uuid4

import click
import structlog

from infra.kafka.artifacts import kafka_runtime
from infra.kafka.config import Node, heap_mb, open_listeners, server_properties
from infra.kafka.errors import BrokerStartFailed, KafkaSetupError, StorageMismatch
from infra.kafka.handshake import brokers_known_at
from infra.kafka.ports import LOOPBACK, free_ports, require_free
from infra.kafka.process import NodeProcess
from infra.kafka.security import Security
from infra.kafka.watchdog import Watchdog

STOP_GRACE_S: Final = 10.0
_POLL_S: Final = 0.05
_WATCH_S: Final = 0.5
_HANDSHAKE_TIMEOUT_S: Final = 2.0

_log = structlog.get_logger(__name__)


class EmbeddedKafka:
    """A Kafka cluster of `nodes` nodes that lives as long as this object is started.

    Parameters
    ----------
    data_dir
        Storage, configuration and log file of each node; created if missing, kept at stop.
    nodes
        One, or three (replication 3, two in-sync copies) for fault tests.
    ports
        Client port of each node; free ones by default. They stay the same for this object's life.
    settings
        Lines of `server.properties` that win over ours.
    security
        TLS, passwords and ACLs; without it everybody on this machine may do everything.
    is_lasting
        For a broker that runs for many minutes: its code is optimised, a quarter of a core's work at first.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        nodes: int = 1,
        ports: Sequence[int] | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
        security: Security | None = None,
        is_lasting: bool = False,
    ) -> None:
        if nodes < 1:
            raise ValueError(f"a cluster has at least one node, not {nodes}")
        if ports is not None and len(set(ports)) != nodes:
            raise ValueError(f"{nodes} node(s) need as many different ports, not {list(ports)}")
        self._data_dir = data_dir.resolve()
        self._ports = ports
        self._settings = settings
        self._security = security
        self._is_lasting = is_lasting
        self._count = nodes
        self._nodes: tuple[Node, ...] = ()
        self._processes: tuple[NodeProcess, ...] = ()
        self._watchdog: Watchdog | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Addresses of all nodes, as clients take them: `127.0.0.1:9092,…`."""
        if not self._nodes:
            raise RuntimeError("the ports are known once the broker was started")
        return ",".join(node.address for node in self._nodes)

    def pid(self, node: int = 0) -> int:
        """Process id of a running node."""
        return self._process(node).pid

    def log_file(self, node: int = 0) -> Path:
        """What the node printed, warnings and errors, all starts after each other."""
        return self._folder(node) / "kafka.log"

    def start(self, timeout_s: float = 60) -> None:
        """Start all nodes and return when each of them answers clients and knows all others.

        Fetches Kafka first if this machine never did; that time is not part of `timeout_s`.

        Raises
        ------
        PortTaken, StorageMismatch, LocalExtraMissing
            What was asked cannot be; nothing was started.
        ArtifactsUnavailable, BrokerStartFailed
            Nothing is left running.
        """
        if self._watchdog is not None:
            raise RuntimeError("already started")
        runtime = kafka_runtime()
        cluster_id = self._claim_storage()
        self._nodes = self._nodes or self._choose_ports()
        require_free([port for node in self._nodes for port in node.ports])
        self._watchdog = watchdog = Watchdog()
        heap = heap_mb(self._count)
        self._processes = tuple(
            NodeProcess(node, runtime=runtime, heap_mb=heap, is_lasting=self._is_lasting, watchdog=watchdog)
            for node in self._nodes
        )
        started = time.monotonic()
        try:
            self._start_processes(cluster_id)
            self._wait_until_ready(self._processes, started + timeout_s)
        except BaseException:
            self._kill_all()
            raise
        seconds = round(time.monotonic() - started, 1)
        _log.info("kafka_started", bootstrap_servers=self.bootstrap_servers, seconds=seconds)

    def stop(self) -> None:
        """Stop all nodes; a node that has not ended after ten seconds is killed. Records are kept."""
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + STOP_GRACE_S
        for process in self._processes:
            # The last of three nodes has no quorum left to take its leave from and may linger.
            process.wait(timeout_s=max(0.0, deadline - time.monotonic()))
        self._kill_all()

    def kill(self, node: int = 0) -> None:
        """End a node without warning (SIGKILL); returns when it is gone."""
        self._process(node).kill()

    def pause(self, node: int = 0) -> None:
        """Freeze a node (SIGSTOP): connections stay open and nothing answers."""
        self._process(node).freeze()

    def resume(self, node: int = 0) -> None:
        """Let a frozen node go on (SIGCONT)."""
        self._process(node).signal(signal.SIGCONT)

    def restart(self, node: int = 0, *, timeout_s: float = 60) -> None:
        """Start a node again at the same port, stopping it first if it runs; returns when all are ready.

        Only the nodes that run must be ready: two killed nodes can be restarted one after the other.
        """
        process = self._process(node)
        process.terminate()
        if not process.wait(timeout_s=STOP_GRACE_S):
            process.kill()
        require_free(process.node.ports)
        process.start()
        running = tuple(process for process in self._processes if process.is_running)
        self._wait_until_ready(running, time.monotonic() + timeout_s)

    def wait(self) -> None:
        """Return when a node has ended, which nobody asked for; blocks until then."""
        while all(process.is_running for process in self._processes):
            time.sleep(_WATCH_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _folder(self, node: int) -> Path:
        return self._data_dir / f"node-{node}"

    def _process(self, node: int) -> NodeProcess:
        if not 0 <= node < len(self._processes):
            raise RuntimeError(f"node {node} was not started")
        return self._processes[node]

    def _claim_storage(self) -> str:
        """Id of the cluster in the data folder, which is a new one if there was none."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        file = self._data_dir / "cluster.json"
        if not file.exists():
            cluster_id = urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode()
            file.write_text(json.dumps({"id": cluster_id, "nodes": self._count}))
        cluster = json.loads(file.read_text())
        if cluster["nodes"] != self._count:
            raise StorageMismatch(self._data_dir, found=cluster["nodes"], asked=self._count)
        return str(cluster["id"])

    def _choose_ports(self) -> tuple[Node, ...]:
        asked = self._ports or ()
        free = iter([port for port in free_ports(4 * self._count) if port not in asked])
        client_ports = self._ports or [next(free) for _ in range(self._count)]
        return tuple(
            Node(
                number,
                port=client_ports[number],
                controller_port=next(free),
                folder=self._folder(number),
                internal_port=0 if self._security is None else next(free),
            )
            for number in range(self._count)
        )

    def _start_processes(self, cluster_id: str) -> None:
        for process in self._processes:
            process.node.folder.mkdir(parents=True, exist_ok=True)
            self._write_properties(process.node)
            process.format_storage(cluster_id, *(self._security.format_options() if self._security else ()))
        for process in self._processes:
            process.start()

    def _write_properties(self, node: Node) -> None:
        listeners = self._security.listeners(node) if self._security else open_listeners(node)
        text = server_properties(node, cluster=self._nodes, listeners=listeners, overrides=self._settings)
        node.properties_file.touch(mode=0o600)  # it may name passwords
        node.properties_file.write_text(text)

    def _wait_until_ready(self, processes: tuple[NodeProcess, ...], deadline: float) -> None:
        """Return when each of these nodes names all of them to a client."""
        expected = {process.node.number for process in processes}
        for process in processes:
            port = process.node.internal_port or process.node.port
            tls = self._security.internal_context() if self._security else None
            while not expected <= brokers_known_at(LOOPBACK, port, timeout_s=_HANDSHAKE_TIMEOUT_S, tls=tls):
                self._check_alive(process, deadline)
                time.sleep(_POLL_S)

    @staticmethod
    def _check_alive(process: NodeProcess, deadline: float) -> None:
        node = process.node
        if not process.is_running:
            problem = f"Kafka node {node.number} ended with status {process.exit_status}"
            raise BrokerStartFailed(problem, log_file=node.log_file)
        if time.monotonic() > deadline:
            problem = f"Kafka node {node.number} did not answer at {node.address} in time"
            raise BrokerStartFailed(problem, log_file=node.log_file)

    def _kill_all(self) -> None:
        """End what still runs, and the watchdog."""
        for process in self._processes:
            process.kill()
        self._processes = ()
        if self._watchdog is not None:
            self._watchdog.close()
            self._watchdog = None


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Folder for records and logs; kept."
)
@click.option("--port", default=9092, show_default=True, help="Client port of the first node; others follow.")
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True, help="One, or three.")
def main(data: Path, port: int, nodes: int) -> None:
    """Run a Kafka cluster until SIGTERM or Ctrl-C; status 1 if it cannot start or a node ends by itself."""
    # SystemExit unwinds through the context manager, which stops the nodes in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with EmbeddedKafka(data, nodes=nodes, ports=range(port, port + nodes), is_lasting=True) as kafka:
            click.echo(f"Kafka is ready at {kafka.bootstrap_servers}; Ctrl-C stops it")
            kafka.wait()
    except KeyboardInterrupt:
        return
    except KafkaSetupError as error:
        raise click.ClickException(str(error)) from error
    logs = ", ".join(str(kafka.log_file(node)) for node in range(nodes))
    raise click.ClickException(f"a node ended by itself; see {logs}")


if __name__ == "__main__":
    main()
