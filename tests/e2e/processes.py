"""Real gateway and scorer processes under test: started, signalled, watched; no automatic restart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from infra.kafka.ports import free_ports


def wait_until(is_true: Callable[[], bool], *, timeout_s: float = 30, why: str) -> None:
    """Poll until `is_true`; fails with `why` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {timeout_s:g} s: {why}")
        time.sleep(0.05)


class Process:
    """One process of the platform with its HTTP port."""

    def __init__(self, arguments: list[str], *, environment: Mapping[str, str], log_file: Path) -> None:
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = log_file
        self._arguments = [sys.executable, "-m", "scorestream.cli", *arguments, "--port", str(self.port)]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, is_waiting: bool = True) -> Process:
        """Start, and wait until it is ready; its log is in the failure."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if is_waiting:
            self.wait_ready()
        return self

    def wait_ready(self, timeout_s: float = 150) -> None:
        """Wait until /readyz answers 200."""
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if self.exit_status is not None or time.monotonic() > deadline:
                raise AssertionError(f"not ready: {self.log()[-3000:]}")
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Whether /readyz answers 200 now."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def exit_status(self) -> int | None:
        """How the process ended, None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        if self.exit_status is None:
            self.signal(signal.SIGKILL)
            self.wait()

    def terminate(self) -> int:
        """SIGTERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self, timeout_s: float = 30) -> int:
        """Wait for the end; the exit status."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def log(self) -> str:
        """All it said."""
        return self.log_file.read_text(errors="replace")
