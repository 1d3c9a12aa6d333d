"""The chain of assets under a real scheduler: a drift run's event starts training, and a calm one's does not.

The command line is a stand-in that writes down what it was called with: what is tested is Airflow's side. The
whole loop, with the real command line, is in test_the_loop.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.airflow import LocalAirflow
from tests.e2e.processes import wait_until

pytestmark = pytest.mark.slow

_STAND_IN = """#!/bin/sh
echo "$*" >> {calls}
case "$1" in
  drift) cat {report} ;;
  train) echo '{{"name": "credit-risk", "version": "7", "is_new": true}}' ;;
esac
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    executable = folder / "scorestream"
    executable.write_text(_STAND_IN.format(calls=folder / "calls", report=folder / "report.json"))
    executable.chmod(executable.stat().st_mode | stat.S_IXUSR)
    (folder / "calls").touch()
    return folder


@pytest.fixture(scope="module")
def airflow(folder: Path) -> Iterator[LocalAirflow]:
    environment = {"DAGS_EXECUTABLE": str(folder / "scorestream"), "DAGS_DATA": "/data", "DAGS_RETRIES": "0"}
    with LocalAirflow(folder / "airflow", environment=environment) as started:
        yield started


def calls_of(folder: Path, command: str) -> list[str]:
    return [line for line in (folder / "calls").read_text().splitlines() if line.startswith(command)]


def drift_run(airflow: LocalAirflow, folder: Path, verdict: str) -> str:
    """A finished drift run with this verdict."""
    (folder / "report.json").write_text(json.dumps({"verdict": verdict, "run_id": verdict}) + "\n")
    run_id = airflow.api.trigger(
        "drift_monitoring", since="2026-11-23T00:00:00Z", until="2026-11-24T00:00:00+01:00"
    )
    wait_until(lambda: state_of(airflow, "drift_monitoring", run_id) == "success", timeout_s=240, why="over")
    return run_id


def state_of(airflow: LocalAirflow, dag_id: str, run_id: str) -> str:
    return next((run["state"] for run in airflow.api.runs(dag_id) if run["dag_run_id"] == run_id), "")


def trainings(airflow: LocalAirflow) -> list[str]:
    """The states of the runs that an asset has started."""
    runs = airflow.api.runs("credit_training")
    return [run["state"] for run in runs if run["run_type"] == "asset_triggered"]


def test_a_calm_day_starts_nothing(airflow: LocalAirflow, folder: Path) -> None:
    run_id = drift_run(airflow, folder, "no drift")
    states = airflow.api.task_states("drift_monitoring", run_id)
    assert states["watch_drift"] == "success"
    assert states["announce_drift"] == "skipped"
    assert airflow.api.asset_events("drift-found") == []
    assert trainings(airflow) == []


def test_drift_starts_training_which_promotes_the_version_it_made(
    airflow: LocalAirflow, folder: Path
) -> None:
    drift_run(airflow, folder, "drift")
    (event,) = airflow.api.asset_events("drift-found")
    assert event["extra"]["run_id"] == "drift"
    wait_until(lambda: trainings(airflow) == ["success"], timeout_s=240, why="training is over")
    (called,) = calls_of(folder, "drift --from 2026-11-23T00:00:00Z --to 2026-11-24T00:00:00+01:00")[-1:]
    assert "--exit-zero" in called
    assert calls_of(folder, "promote") == ["promote 7 --model-name credit-risk --once"]


def test_nothing_listens_beyond_the_loopback(airflow: LocalAirflow) -> None:
    # Columns of /proc/net/tcp: local address, state (0A: listening); 0100007F is 127.0.0.1.
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    log_servers = {f"{port:04X}" for port in (8793, 8794)}
    open_to_all = {
        address.split(":")[1]
        for _, address, _, state, *_ in lines
        if state == "0A" and address.startswith("0000")
    }
    assert not log_servers & open_to_all
