"""The DAGs: they load, say what a person must know, are chained as designed, and do their work for real."""

from __future__ import annotations

import asyncio
import json
import sys
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
from tests.platform.airflow_home import airflow_in_process, dags_with
from training.archive.store import ArchiveStore
from training.sample.facts import ALL_TABLES
from training.sample.writer import write_sample

APPLICANTS = 4_500
DAY = datetime(2026, 11, 23, 4, tzinfo=UTC)
DAG_IDS = {"feature_refresh", "credit_training", "drift_monitoring"}
ON_KUBERNETES = {"DAGS_RUNS_ON": "kubernetes"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dags")


@pytest.fixture(scope="module")
def tracking_uri(folder: Path) -> Iterator[str]:
    with MlflowServer(folder / "mlflow") as server:
        yield server.tracking_uri


@pytest.fixture(scope="module")
def airflow(folder: Path, airflow_home: Path) -> Iterator[dict[str, str]]:
    settings = {
        "DAGS_EXECUTABLE": str(Path(sys.executable).parent / "scorestream"),
        "DAGS_DATA": str(folder / "sample"),
        "DAGS_FEATURE_STORE": str(folder / "features"),
        "DAGS_ARCHIVE": str(folder / "archive"),
        "DAGS_IS_SMOKE": "true",
        "DAGS_RETRIES": "0",
        "FEATURES_CACHE": str(folder / "cache"),
        "FEATURES_STORE": str(folder / "features"),
    }
    with airflow_in_process(airflow_home, settings):
        yield settings


@pytest.fixture(scope="module")
def dags(airflow: dict[str, str]) -> dict[str, Any]:
    return dags_with({})


def test_every_dag_loads_and_there_is_no_other(dags: dict[str, Any]) -> None:
    assert set(dags) == DAG_IDS


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_dag_says_what_to_do_and_cannot_run_twice_at_once(dags: dict[str, Any], dag_id: str) -> None:
    dag = dags[dag_id]
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert dag.deadline
    assert dag.dagrun_timeout
    assert dag.has_on_failure_callback
    assert dag.has_on_success_callback
    for task_id in dag.task_ids:
        assert f"**{task_id}**" in dag.doc_md


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_commands_task_is_retried_and_ends(dags: dict[str, Any], dag_id: str) -> None:
    dags_again = dags_with({"DAGS_RETRIES": "2"})
    for task in dags_again[dag_id].tasks:
        if task.task_type == "PythonOperator":
            assert task.retries == 2
            assert task.execution_timeout > timedelta(0)


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_params_are_typed_and_explained(dags: dict[str, Any], dag_id: str) -> None:
    params = dags[dag_id].params
    for name in params:
        schema = params.get_param(name).schema
        assert {"type"} <= set(schema)
        assert params.get_param(name).description.endswith(".")
    params.validate()


def test_drift_starts_training_and_the_calendar_does_too(dags: dict[str, Any]) -> None:
    announcing = dags["drift_monitoring"].get_task("announce_drift")
    training = dags["credit_training"].timetable
    assert [asset.name for asset in announcing.outlets] == ["drift-found"]
    assert "drift-found" in repr(training.asset_condition)
    assert training.timetable._expression == "0 3 1 * *"


def test_training_goes_from_data_to_promotion_in_one_line(dags: dict[str, Any]) -> None:
    dag = dags["credit_training"]
    way = [task.task_id for task in dag.topological_sort()]
    assert way == ["validate", "build_features", "train", "promote"]
    assert all(len(task.downstream_task_ids) <= 1 for task in dag.tasks)


def test_snapshots_are_built_without_the_tables_that_the_data_lacks(airflow: dict[str, str]) -> None:
    dags = dags_with({"DAGS_ALLOW_MISSING": '["bureau", "credit_card_balance"]'})
    for dag_id in ("feature_refresh", "credit_training"):
        arguments = " ".join(dags[dag_id].get_task("build_features").op_args)
        assert arguments.endswith("--allow-missing bureau --allow-missing credit_card_balance")


def test_a_person_can_be_asked_before_a_model_decides(airflow: dict[str, str]) -> None:
    dag = dags_with({"DAGS_NEEDS_APPROVAL": "true"})["credit_training"]
    asked = dag.get_task("approve")
    assert asked.task_type == "ApprovalOperator"
    assert asked.downstream_task_ids == {"promote"}
    assert asked.response_timeout == timedelta(days=3)


def test_a_person_who_takes_time_does_not_make_a_run_late(airflow: dict[str, str]) -> None:
    by_itself, asking = (
        dags_with({"DAGS_NEEDS_APPROVAL": needs})["credit_training"] for needs in ("false", "true")
    )
    assert deadline_of(by_itself) == timedelta(hours=6)
    assert deadline_of(asking) == timedelta(days=3, hours=6)
    assert deadline_of(asking) < asking.dagrun_timeout


def deadline_of(dag: Any) -> timedelta:
    (alert,) = dag.deadline
    assert isinstance(alert.interval, timedelta)
    return alert.interval


def test_on_kubernetes_the_same_arguments_run_in_pods(airflow: dict[str, str], dags: dict[str, Any]) -> None:
    for dag_id, in_pods in dags_with(ON_KUBERNETES).items():
        for pod in in_pods.tasks:
            here = dags[dag_id].get_task(pod.task_id)
            if here.task_type != "PythonOperator":
                assert pod.task_type == here.task_type
                continue
            assert pod.task_type == "KubernetesPodOperator"
            _, *arguments = here.op_args
            assert pod.arguments[: len(arguments)] == arguments
            assert pod.do_xcom_push == here.op_kwargs["has_result"] == ("--result-file" in pod.arguments)
            assert pod.container_security_context.run_as_non_root


def run(dag: Any, logical_date: datetime, **conf: Any) -> Any:
    # apache/airflow issue 73428: dag.test() looks for deadlines that only a scheduler has stored.
    dag.deadline = None
    return dag.test(logical_date=logical_date, run_conf=conf)


def states(dag_run: Any) -> dict[str, str]:
    return {task.task_id: str(task.state) for task in dag_run.get_task_instances()}


@pytest.fixture(scope="module")
def platform(folder: Path, kafka_bootstrap: str, tracking_uri: str, airflow: dict[str, str]) -> Iterator[str]:
    """Sample tables, topics, a registry, and an archive in which a day of the test file was decided."""
    write_sample(
        folder / "sample", applicants=APPLICANTS, seed=3, tables=ALL_TABLES, progress=lambda *_: None,
        workers=1,
    )  # fmt: skip
    asyncio.run(ensure_topics(kafka_bootstrap, partitions=4, replication=1))
    at = DAY - timedelta(hours=6)
    applications = islice(applications_in(folder / "sample" / "application_test.csv"), 600)
    records = [
        prediction_record(
            number,
            application=json.dumps({k: v for k, v in one.items() if v is not None}).encode(),
            timestamp_ms=round(at.timestamp() * 1000),
            decided_at=at.isoformat(),
        )
        for number, one in enumerate(applications)
    ]
    archive_records(ArchiveStore(str(folder / "archive")), PREDICTIONS.name, records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
        patch.setenv("MLFLOW_TRACKING_URI", tracking_uri)
        patch.setenv("SCORER_RUN_DIR", str(folder / "no-scorers"))
        yield kafka_bootstrap


@pytest.fixture(scope="module")
def refreshed(platform: str, dags: dict[str, Any]) -> Any:
    return run(dags["feature_refresh"], DAY)


@pytest.fixture(scope="module")
def trained(refreshed: Any, dags: dict[str, Any]) -> Any:
    return run(dags["credit_training"], DAY)


def test_the_features_dag_publishes_the_snapshot_that_training_then_finds(
    refreshed: Any, trained: Any, folder: Path
) -> None:
    assert states(refreshed) == {"validate": "success", "build_features": "success"}
    assert len(list((folder / "features" / "snapshots").iterdir())) == 1


def test_the_training_dag_makes_a_model_decide(trained: Any, platform: str) -> None:
    assert set(states(trained).values()) == {"success"}, states(trained)
    (record,) = asyncio.run(read(platform, MODEL_PROMOTIONS.name, 0))[-1:]
    promoted = decode_promoted(record.value)
    assert (promoted.name, promoted.version) == ("credit-risk", "1")
    assert promoted.snapshot_id


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_pods_carry_what_the_network_and_kafka_ask_for(airflow: dict[str, str]) -> None:
    """By the chart's labels its policies know them; without the authority they would trust no broker."""
    settings = {**ON_KUBERNETES, "DAGS_RELEASE": "prod", "DAGS_KAFKA_CA": "ca", "DAGS_DATA_CLAIM": "tables"}
    pods = [task for dag in dags_with(settings).values() for task in dag.tasks if hasattr(task, "labels")]
    assert pods
    for pod in pods:
        assert pod.labels["app.kubernetes.io/instance"] == "prod"
        assert pod.labels["app.kubernetes.io/component"] == "training"
        assert {mount.mount_path for mount in pod.volume_mounts} == {"/etc/scorestream/kafka", "/data"}
        assert all(mount.read_only for mount in pod.volume_mounts)
