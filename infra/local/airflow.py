"""Airflow of one machine, on the loopback: api-server, scheduler, DAG processor and triggerer, one by one.

`airflow standalone` would open log servers on every address; started like this they open none. Everybody
on this machine is its admin, as with the platform's other parts. All it writes is in its folder; what it
runs are the DAGs in `dags/`, whose commands run beside it.

    with LocalAirflow(folder, environment=…) as airflow:
        airflow.api.trigger("drift_monitoring")
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from infra.kafka.ports import LOOPBACK, free_ports
from infra.kafka.watchdog import Watchdog
from infra.local.processes import Child, ChildFailed, run_to_end

DAGS: Final = Path(__file__).resolve().parent.parent.parent / "dags"
START_TIMEOUT_S: Final = 180.0
_LOOK_S: Final = 0.5
#: Four processes write to one file; by default the second gives up after five seconds.
_DATABASE_TIMEOUT_S: Final = 60
_HEALTHY: Final = ("metadatabase", "scheduler", "dag_processor", "triggerer")


class AirflowApi:
    """Airflow's REST API, as the admin that everybody is here."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)

    def health(self) -> dict[str, str]:
        """The status of each part, `healthy` if it is; empty while the api-server does not answer."""
        try:
            answer = self._http.get("/api/v2/monitor/health")
            return {name: str((part or {}).get("status")) for name, part in answer.json().items()}
        except (httpx.TransportError, ValueError):
            return {}

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Start a run with these params; its id."""
        run = self._call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The DAG's runs, the newest last."""
        found = self._call("GET", f"/dags/{dag_id}/dagRuns?order_by=run_after&limit=100")
        runs: list[dict[str, Any]] = found["dag_runs"]
        return runs

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """The state of each task of a run."""
        found = self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return {task["task_id"]: str(task["state"]) for task in found["task_instances"]}

    def asset_events(self, name: str, timeout_s: float = 60.0) -> list[dict[str, Any]]:
        """The events of the asset with this name.

        While a run that one of them made waits for its start, Airflow 3.3.0 answers 500 (its issue 71360):
        asked again for `timeout_s`, then ChildFailed.
        """
        assets = self._call("GET", f"/assets?name_pattern={name}")["assets"]
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return [event for asset in assets for event in self._events(asset["id"])]
            except ChildFailed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_S)

    def dag_ids(self) -> set[str]:
        """The DAGs that the DAG processor has found."""
        return {dag["dag_id"] for dag in self._call("GET", "/dags?limit=100")["dags"]}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _events(self, asset_id: int) -> list[dict[str, Any]]:
        found = self._call("GET", f"/assets/events?asset_id={asset_id}")
        events: list[dict[str, Any]] = found["asset_events"]
        return events

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        token = self._http.get("/auth/token").json()["access_token"]
        answer = self._http.request(
            method, f"/api/v2{path}", json=body, headers={"Authorization": f"Bearer {token}"}
        )
        if answer.is_error:
            raise ChildFailed(f"Airflow: {method} {path} answered {answer.status_code}: {answer.text[:500]}")
        found: dict[str, Any] = answer.json()
        return found


class LocalAirflow:
    """Four processes and their database.

    Parameters
    ----------
    folder
        Airflow's home: database, logs, secrets; kept when stopped.
    environment
        What the commands of the DAGs need: KAFKA_…, MLFLOW_…, and `DAGS_…` for the DAGs themselves.
    port
        Of the api-server on 127.0.0.1; any free one if not given.
    """

    def __init__(self, folder: Path, *, environment: Mapping[str, str], port: int | None = None) -> None:
        self._folder = folder.resolve()
        self._database = self._folder / "airflow.db"
        self._port = free_ports(1)[0] if port is None else port
        self.url = f"http://{LOOPBACK}:{self._port}"
        self.api = AirflowApi(self.url)
        self._environment = {**self._settings(), **environment}
        self._watchdog = Watchdog()
        self._children: list[Child] = []

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Migrate the database, start the four, and return when all are healthy and the DAGs are known.

        Raises ChildFailed.
        """
        (self._folder / "logs").mkdir(parents=True, exist_ok=True)
        self._environment |= self._secrets()
        run_to_end(
            self._airflow("db", "migrate"), log_file=self._log("migrate"), environment=self._environment
        )
        with contextlib.closing(sqlite3.connect(self._database)) as database:
            database.execute("PRAGMA journal_mode = WAL")  # kept in the file: who reads holds up no writer
        for name, arguments in {
            "api-server": ("--host", LOOPBACK, "--port", str(self._port), "--workers", "1"),
            "dag-processor": (),
            "scheduler": ("--skip-serve-logs",),
            "triggerer": ("--skip-serve-logs",),
        }.items():
            child = Child(
                f"airflow-{name}",
                self._airflow(name, *arguments),
                log_file=self._log(name),
                environment=self._environment,
                watchdog=self._watchdog,
            )
            self._children.append(child)
            child.start()
        self._wait(time.monotonic() + timeout_s)

    def stop(self) -> None:
        """Stop the four, the api-server last: the others tell it that they go. A second call does nothing."""
        while self._children:
            self._children.pop().stop(timeout_s=30)
        self._watchdog.close()
        self.api.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait(self, deadline: float) -> None:
        while not self._is_up():
            dead = [child.name for child in self._children if child.pid is None]
            if dead or time.monotonic() > deadline:
                what = f"{', '.join(dead)} ended" if dead else f"not up in time: {self.api.health()}"
                raise ChildFailed(f"Airflow: {what}; logs are in {self._folder / 'logs'}")
            time.sleep(_LOOK_S)

    def _is_up(self) -> bool:
        health = self.api.health()
        if any(health.get(part) != "healthy" for part in _HEALTHY):
            return False
        return {path.stem for path in DAGS.glob("[!_]*.py")} <= self.api.dag_ids()

    def _airflow(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "airflow", *arguments]

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"

    def _settings(self) -> dict[str, str]:
        bundle = {
            "name": "scorestream",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(DAGS)},
        }
        return {
            "AIRFLOW_HOME": str(self._folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}?timeout={_DATABASE_TIMEOUT_S}",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
            "DAGS_EXECUTABLE": str(Path(sys.executable).parent / "scorestream"),
            # The triggerer imports the callback of a missed deadline by its name.
            "PYTHONPATH": f"{DAGS}:{DAGS.parent}",
        }

    def _secrets(self) -> dict[str, str]:
        """Keys of this installation, made once and readable by their owner only."""
        file = self._folder / "secrets.json"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(
                json.dumps({"jwt": secrets.token_urlsafe(64), "session": secrets.token_urlsafe(64)})
            )
        kept = json.loads(file.read_text())
        return {
            "AIRFLOW__API_AUTH__JWT_SECRET": kept["jwt"],
            "AIRFLOW__API__SECRET_KEY": kept["session"],
        }
