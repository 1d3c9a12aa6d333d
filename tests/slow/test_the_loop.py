"""The whole story on one machine: traffic → archive → outcomes → drift run by Airflow → asset → retraining →
promotion → scorers swap; watched from outside, by topics, MLflow, Airflow's API and the decisions themselves.
"""

from __future__ import annotations

import asyncio
import csv
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from contracts.application import example
from contracts.events import decode_decision, decode_drift_reported
from contracts.lanes import Lane
from contracts.topics import DRIFT_REPORTS
from infra.kafka.ports import free_ports
from infra.local.airflow import LocalAirflow
from infra.local.platform import LocalPlatform
from infra.local.settings import LocalSettings
from tests.e2e.processes import wait_until
from tests.integration.kafka_reading import read
from training.mlflow_registry import MlflowRegistry
from training.registry import PRODUCTION

pytestmark = pytest.mark.slow

APPLICANTS = 8_000
RATE, DAY_S, DAYS, WINDOW_DAYS = 40, 20.0, 3, 1.0
PERFORMANCE_DAYS = WINDOW_DAYS * DAY_S / 86_400
LOOP_S = 600


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlatform]:
    names = [name for name in LocalSettings.model_fields if name.endswith("_port")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    folder = tmp_path_factory.mktemp("platform")
    settings = {**ports, "run_dir": folder, "applicants": APPLICANTS, "seed": 7}
    started = LocalPlatform(LocalSettings.model_validate(settings))
    try:
        started.start_kafka()
        started.ensure_topics()
        started.start_mlflow()
        data = started.make_sample()
        snapshot = started.build_features(data)
        # The model in Production has learnt little, so that the next one is better for certain; yet enough
        # that it is worth having.
        learnt_from = with_shuffled_labels(data, folder / "shuffled")
        started.train(learnt_from, snapshot_id=snapshot.snapshot_id, is_sample=True)
        started.promote()
        started.start_scorers((Lane.SYNC,))
        started.start_ledger()
        started.start_archive()
        started.start_gateway()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def airflow(platform: LocalPlatform) -> Iterator[LocalAirflow]:
    environment = {
        **platform.environment(),
        "DAGS_DATA": str(platform.make_sample()),
        "DAGS_FEATURE_STORE": platform.environment()["FEATURES_STORE"],
        "DAGS_ARCHIVE": platform.environment()["ARCHIVE_STORE"],
        "DAGS_IS_SMOKE": "true",
        "DAGS_PERFORMANCE_DAYS": str(PERFORMANCE_DAYS),
    }
    with LocalAirflow(platform.run_dir / "airflow", environment=environment) as started:
        yield started


def test_drift_found_by_airflow_makes_a_new_model_decide(
    platform: LocalPlatform, airflow: LocalAirflow
) -> None:
    began, started = datetime.now(UTC), time.monotonic()
    # The very first answer of a new platform, beside an Airflow that starts, may be a 202.
    wait_until(lambda: deciding_version(platform) == "1", timeout_s=30, why="the first model decides")
    simulate(platform, shift="test")
    until_outcomes_are_archived()
    run_id = airflow.api.trigger(
        "drift_monitoring",
        since=began.isoformat(timespec="seconds"),
        until=(datetime.now(UTC) + timedelta(minutes=1)).isoformat(timespec="seconds"),
    )
    wait_until(lambda: is_over(airflow, "drift_monitoring", run_id), timeout_s=240, why="drift is looked for")
    assert set(airflow.api.task_states("drift_monitoring", run_id).values()) == {"success"}
    (record,) = asyncio.run(read(platform.bootstrap_servers, DRIFT_REPORTS.name, 0))[-1:]
    reported = decode_drift_reported(record.value)
    assert reported.verdict == "drift"
    assert reported.outcomes > 0
    (event,) = airflow.api.asset_events("drift-found")
    assert event["extra"]["run_id"] == reported.run_id

    wait_until(lambda: deciding_version(platform) == "2", timeout_s=LOOP_S, why="the new model decides")
    (training,) = [run for run in airflow.api.runs("credit_training") if run["run_type"] == "asset_triggered"]
    wait_until(
        lambda: is_over(airflow, "credit_training", training["dag_run_id"]), timeout_s=60, why="training ends"
    )
    states = airflow.api.task_states("credit_training", training["dag_run_id"])
    assert set(states.values()) == {"success"}, states
    production = MlflowRegistry(platform.tracking_uri).with_alias("credit-risk", PRODUCTION)
    assert production is not None
    assert production.version == "2"
    assert time.monotonic() - started < LOOP_S


def with_shuffled_labels(data: Path, folder: Path, *, share: float = 0.6) -> Path:
    """The applications of `data`, most of them with another applicant's end."""
    folder.mkdir()
    chance = random.Random(1)
    with (data / "application_train.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))
    at = header.index("TARGET")
    chosen = [row for row in rows if chance.random() < share]
    ends = [row[at] for row in chosen]
    chance.shuffle(ends)
    for row, end in zip(chosen, ends, strict=True):
        row[at] = end
    with (folder / "application_train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return folder


def deciding_version(platform: LocalPlatform) -> str:
    """The model version in the decision of an application sent now."""
    answer = httpx.post(
        f"{platform.gateway_url}/v1/applications",
        content=example("minimal"),
        headers={"Content-Type": "application/json"},
        timeout=30,
    )
    return decode_decision(answer.content).model.version if answer.status_code == 200 else ""


def simulate(platform: LocalPlatform, *, shift: str) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "scorestream.cli", "simulate", "--data", str(platform.make_sample()),
            "--shift", shift, "--rate", str(RATE), "--days", str(DAYS), "--day-seconds", str(DAY_S),
            "--window-days", str(WINDOW_DAYS), "--url", platform.gateway_url,
        ],
        check=True,
        timeout=300,
    )  # fmt: skip


def until_outcomes_are_archived() -> None:
    """The archive of the local platform writes every five seconds."""
    written = time.monotonic() + 10
    wait_until(lambda: time.monotonic() > written, timeout_s=20, why="ten seconds")


def is_over(airflow: LocalAirflow, dag_id: str, run_id: str) -> bool:
    (run,) = [run for run in airflow.api.runs(dag_id) if run["dag_run_id"] == run_id]
    return run["state"] in {"success", "failed"}
