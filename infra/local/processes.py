"""Child processes of the local platform: started, watched, started again, stopped in order.

Each has a session of its own, so that Ctrl-C in the terminal reaches the platform only, which then
drains its children one by one; and each ends when the platform is killed.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx

from infra.kafka.watchdog import Watchdog

_POLL_S: Final = 0.1
_RESTART_PAUSE_S: Final = 1.0


class ChildFailed(Exception):
    """A child did not get ready; the message ends with what it last said."""


class Child:
    """One process with its log file, kept running until `stop`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_file: Path,
        environment: Mapping[str, str],
        watchdog: Watchdog,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self.restarts = 0
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._watchdog = watchdog
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name=f"watch-{name}", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id, or None when it is not running."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start; it is not ready yet when this returns."""
        self._launch()

    def wait_ready(self, ready_url: str, timeout_s: float) -> None:
        """Wait until `ready_url` answers 200; raises ChildFailed. From then on it is kept running."""
        deadline = time.monotonic() + timeout_s
        while not _answers(ready_url):
            if self.pid is None:
                raise ChildFailed(f"{self.name} ended at its start\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise ChildFailed(
                    f"{self.name} was not ready after {timeout_s:g} s ({ready_url})\n{self._last_words()}"
                )
            time.sleep(_POLL_S)
        self._watcher.start()

    def stop(self, timeout_s: float = 15) -> None:
        """SIGTERM, then SIGKILL after `timeout_s`."""
        self._is_stopping.set()
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._watchdog.forget(process.pid)

    def _launch(self) -> None:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watchdog.watch(self._process.pid)

    def _watch(self) -> None:
        while not self._is_stopping.wait(_POLL_S):
            if self.pid is None and self._process is not None and not self._is_stopping.is_set():
                self._watchdog.forget(self._process.pid)
                self.restarts += 1
                if not self._is_stopping.wait(_RESTART_PAUSE_S):
                    self._launch()

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-8:]
        return "\n".join([f"last lines of {self.log_file}:", *lines])


def run_to_end(command: Sequence[str], *, log_file: Path, environment: Mapping[str, str]) -> str:
    """Run a command that ends by itself; what it printed. Raises ChildFailed unless it ends with 0."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        list(command),
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    log_file.write_text(ended.stdout)
    if ended.returncode != 0:
        last = "\n".join(ended.stdout.splitlines()[-8:])
        raise ChildFailed(f"{' '.join(command[-4:])} ended with {ended.returncode}\n{last}\nall: {log_file}")
    return ended.stdout


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
