"""One node's Java process: its command line, its signals, its end."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Final

from infra.kafka.artifacts import KafkaRuntime
from infra.kafka.config import Node
from infra.kafka.errors import BrokerStartFailed
from infra.kafka.watchdog import Watchdog

FORMAT_TIMEOUT_S: Final = 60

_JAVA_OPTIONS: Final = (
    "-XX:+UseSerialGC",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    # Kafka and its compression libraries are known to do both; Java 25 would warn at each start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)
#: The optimising compiler takes a quarter of a core for minutes, and then halves what a request costs.
_UNOPTIMISED: Final = "-XX:TieredStopAtLevel=1"


class NodeProcess:
    """Runs and signals the process of one node; knows nothing of the other nodes."""

    def __init__(
        self, node: Node, *, runtime: KafkaRuntime, heap_mb: int, is_lasting: bool, watchdog: Watchdog
    ) -> None:
        self.node = node
        self._runtime = runtime
        self._heap_mb = heap_mb
        self._java_options = _JAVA_OPTIONS if is_lasting else (*_JAVA_OPTIONS, _UNOPTIMISED)
        self._watchdog = watchdog
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """True until the process has ended; also while it is paused."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """How the last process ended; None while it runs or if there was none."""
        return self._process.poll() if self._process else None

    def format_storage(self, cluster_id: str, *options: str) -> None:
        """Write the empty storage of a new node; does nothing to one that exists."""
        if (self.node.storage / "meta.properties").exists():
            return
        # One argument: an id may begin with a dash, which would pass for an option of its own.
        arguments = ("format", f"--cluster-id={cluster_id}", "--config", str(self.node.properties_file))
        command = self._command("kafka.tools.StorageTool", *arguments, *options)
        with self.node.log_file.open("ab") as log:
            ended = subprocess.run(command, stdout=log, stderr=log, timeout=FORMAT_TIMEOUT_S, check=False)
        if ended.returncode != 0:
            raise BrokerStartFailed(
                f"node {self.node.number} could not format its storage", log_file=self.node.log_file
            )

    def start(self) -> None:
        """Start the process; it is not ready yet when this returns."""
        command = self._command("kafka.Kafka", str(self.node.properties_file))
        with self.node.log_file.open("ab") as log:
            # Its own session: Ctrl-C in a terminal must reach the owner only, which stops us in order.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._watchdog.watch(self._process.pid)

    def terminate(self) -> None:
        """Ask the process to end (SIGTERM), also when it is paused."""
        if self._process is not None:
            # Popen says nothing when the process has ended by itself meanwhile.
            self._process.send_signal(signal.SIGTERM)
            self._process.send_signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the running process."""
        self._running().send_signal(number)

    def freeze(self) -> None:
        """Stop the process (SIGSTOP); returns when each of its threads stands still, or it has ended."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        # The signal is only on its way when `kill` returns, and another thread may still answer a request.
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def kill(self) -> None:
        """End the process at once (SIGKILL) and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
        self.wait(timeout_s=None)

    def wait(self, *, timeout_s: float | None) -> bool:
        """True when the process has ended within the time."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._watchdog.forget(self._process.pid)
        return True

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"node {self.node.number} does not run")
        return self._process

    def _command(self, main_class: str, *arguments: str) -> list[str]:
        heap = f"-Xmx{self._heap_mb}m"
        return [
            str(self._runtime.java),
            heap,
            *self._java_options,
            "-cp",
            self._runtime.class_path,
            main_class,
            *arguments,
        ]
