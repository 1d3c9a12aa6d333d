"""One MLflow server of our own, on the loopback, for the demo and the tests.

Nothing of it outlives the process that started it. Real installations name theirs by
MLFLOW_TRACKING_URI and never come here.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from infra.kafka.ports import LOOPBACK, free_ports, is_free
from infra.local import guard

START_TIMEOUT_S: Final = 90.0
_LOOK_S: Final = 0.1
_LOG_TAIL_LINES: Final = 15

#: Job execution would start seven more processes; telemetry is nobody's business here.
_ENVIRONMENT: Final = (
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false",
    "MLFLOW_DISABLE_TELEMETRY=true",
    "DO_NOT_TRACK=true",
)


class MlflowServerFailed(RuntimeError):
    """The server did not come up; the message carries the end of its log."""


class MlflowServer:
    """An MLflow server over a folder: runs in SQLite, artifacts as files, served by itself.

    Parameters
    ----------
    data_dir
        Holds the database, the artifacts and `mlflow.log`; made if missing, kept when stopped.
    port
        Of 127.0.0.1; any free one if not given.
    backend_store_uri
        A database address for the runs instead of SQLite in `data_dir`.
    """

    def __init__(self, data_dir: Path, port: int | None = None, backend_store_uri: str | None = None) -> None:
        self._data_dir = data_dir.resolve()
        self._port = free_ports(1)[0] if port is None else port
        self._backend_store_uri = backend_store_uri or f"sqlite:///{self._data_dir / 'mlflow.db'}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def tracking_uri(self) -> str:
        """What MLFLOW_TRACKING_URI must be to use this server."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def log_file(self) -> Path:
        """Everything that the server says."""
        return self._data_dir / "mlflow.log"

    @property
    def is_running(self) -> bool:
        """True until the server has ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = START_TIMEOUT_S) -> None:
        """Start the server and return when it answers.

        Raises MlflowServerFailed for a taken port, a server that ends, or none after `timeout` seconds.
        """
        if self.is_running:
            return
        if not is_free(self._port):
            raise MlflowServerFailed(f"port {self._port} on {LOOPBACK} is taken; choose another for MLflow")
        self._data_dir.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + timeout
        while not self._is_healthy():
            if not self.is_running or time.monotonic() > deadline:
                self.stop()
                raise MlflowServerFailed(f"MLflow did not come up on port {self._port}:\n{self._log_tail()}")
            time.sleep(_LOOK_S)

    def stop(self) -> None:
        """End the server and all that it started; a second call does nothing."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self) -> list[str]:
        return [
            sys.executable, "-S", "-E", guard.__file__,
            "env", *_ENVIRONMENT,
            sys.executable, "-m", "mlflow", "server",
            "--host", LOOPBACK,
            "--port", str(self._port),
            "--workers", "1",
            "--backend-store-uri", self._backend_store_uri,
            "--artifacts-destination", (self._data_dir / "artifacts").as_uri(),
            "--serve-artifacts",
        ]  # fmt: skip

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.tracking_uri}/health", timeout=2.0) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_TAIL_LINES:])
