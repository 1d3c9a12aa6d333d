"""Every DAG run for real, on real MLflow and Kafka, and what comes of it. Three minutes: `make test-slow`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from contracts.csv_rows import applications_in
from contracts.events import decode_drift_reported, decode_promoted
from contracts.topics import DRIFT_REPORTS, MODEL_PROMOTIONS, PREDICTIONS
from infra.kafka.topics import ensure_topics
from infra.local.mlflow_server import MlflowServer
from tests.archived import archive_records, prediction_record
from tests.integration.kafka_reading import read
from training.archive.store import ArchiveStore
from training.sample.facts import ALL_TABLES
from training.sample.writer import write_sample

pytestmark = pytest.mark.slow

APPLICANTS = 4_500
DAY = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def tracking_uri(dags_folder: Path) -> Iterator[str]:
    with MlflowServer(dags_folder / "mlflow") as server:
        yield server.tracking_uri


def run(dag: Any, logical_date: datetime, **conf: Any) -> Any:
    # apache/airflow issue 73428: dag.test() looks for deadlines that only a scheduler has stored.
    dag.deadline = None
    return dag.test(logical_date=logical_date, run_conf=conf)


def states(dag_run: Any) -> dict[str, str]:
    return {task.task_id: str(task.state) for task in dag_run.get_task_instances()}


@pytest.fixture(scope="module")
def platform(
    dags_folder: Path, kafka_bootstrap: str, tracking_uri: str, airflow: dict[str, str]
) -> Iterator[str]:
    """Sample tables, topics, a registry, and an archive in which a day of the test file was decided."""
    write_sample(
        dags_folder / "sample", applicants=APPLICANTS, seed=3, tables=ALL_TABLES, progress=lambda *_: None,
        workers=1,
    )  # fmt: skip
    asyncio.run(ensure_topics(kafka_bootstrap, partitions=4, replication=1))
    at = DAY - timedelta(hours=6)
    applications = islice(applications_in(dags_folder / "sample" / "application_test.csv"), 600)
    records = [
        prediction_record(
            number,
            application=json.dumps({k: v for k, v in one.items() if v is not None}).encode(),
            timestamp_ms=round(at.timestamp() * 1000),
            decided_at=at.isoformat(),
        )
        for number, one in enumerate(applications)
    ]
    archive_records(ArchiveStore(str(dags_folder / "archive")), PREDICTIONS.name, records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
        patch.setenv("MLFLOW_TRACKING_URI", tracking_uri)
        patch.setenv("SCORER_RUN_DIR", str(dags_folder / "no-scorers"))
        yield kafka_bootstrap


@pytest.fixture(scope="module")
def refreshed(platform: str, dags: dict[str, Any]) -> Any:
    return run(dags["feature_refresh"], DAY)


@pytest.fixture(scope="module")
def trained(refreshed: Any, dags: dict[str, Any]) -> Any:
    return run(dags["credit_training"], DAY)


def test_the_features_dag_publishes_the_snapshot_that_training_then_finds(
    refreshed: Any, trained: Any, dags_folder: Path
) -> None:
    assert states(refreshed) == {"validate": "success", "build_features": "success"}
    assert len(list((dags_folder / "features" / "snapshots").iterdir())) == 1


def test_the_training_dag_makes_a_model_decide(trained: Any, platform: str) -> None:
    assert set(states(trained).values()) == {"success"}, states(trained)
    (record,) = asyncio.run(read(platform, MODEL_PROMOTIONS.name, 0))[-1:]
    promoted = decode_promoted(record.value)
    assert (promoted.name, promoted.version) == ("credit-risk", "1")
    assert promoted.snapshot_id


def test_the_same_training_again_makes_no_second_model(
    trained: Any, platform: str, dags: dict[str, Any]
) -> None:
    again = run(dags["credit_training"], DAY + timedelta(days=40))
    assert set(states(again).values()) == {"success"}
    (record,) = asyncio.run(read(platform, MODEL_PROMOTIONS.name, 0))[-1:]
    assert decode_promoted(record.value).version == "1"


def test_the_drift_dag_finds_the_drift_of_its_day_and_announces_it(
    trained: Any, platform: str, dags: dict[str, Any]
) -> None:
    found = run(dags["drift_monitoring"], DAY)
    assert set(states(found).values()) == {"success"}
    (record,) = asyncio.run(read(platform, DRIFT_REPORTS.name, 0))[-1:]
    reported = decode_drift_reported(record.value)
    assert (reported.verdict, reported.applications) == ("drift", 600)
    assert (reported.since, reported.until) == ("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z")
    assert announced() == [reported.run_id]


def test_a_day_without_applications_is_not_enough_and_announces_nothing(
    trained: Any, platform: str, dags: dict[str, Any]
) -> None:
    calm = run(dags["drift_monitoring"], DAY - timedelta(days=30))
    assert states(calm)["watch_drift"] == "success"
    assert states(calm)["announce_drift"] == "skipped"
    (record,) = asyncio.run(read(platform, DRIFT_REPORTS.name, 0))[-1:]
    assert decode_drift_reported(record.value).verdict == "not enough"


def announced() -> list[str]:
    """The runs that are in the extras of the asset's events."""
    from airflow.models.asset import AssetEvent  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        return [event.extra["run_id"] for event in session.query(AssetEvent) if "verdict" in event.extra]
