"""A real Alertmanager with the shipped configuration, which sends to nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.kafka.ports import free_ports
from infra.kafka.watchdog import Watchdog
from infra.local.processes import Child
from infra.local.watching import alertmanager_command, prepare_alertmanager
from tests.platform.prometheus_tools import program


@contextmanager
def running_alertmanager(folder: Path) -> Iterator[str]:
    """Its address; the test is skipped where it is not installed."""
    program("prometheus-alertmanager")
    (port,) = free_ports(1)
    prepare_alertmanager(folder, secrets=None)
    watchdog = Watchdog()
    child = Child(
        "alertmanager",
        alertmanager_command(folder, port),
        log_file=folder / "alertmanager.log",
        environment={},
        watchdog=watchdog,
    )
    child.start()
    child.wait_ready(f"http://127.0.0.1:{port}/-/ready", 30)
    yield f"http://127.0.0.1:{port}"
    child.stop()
    watchdog.close()
