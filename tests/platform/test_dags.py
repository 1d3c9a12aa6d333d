"""The DAGs as they are written: they load, say what a person must know, and are chained as designed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml

from contracts.topics import DRIFT_REPORTS, FEATURE_SNAPSHOTS, MODEL_PROMOTIONS
from tests.platform.airflow_home import dags_with
from tests.platform.chart import ROOT
from tests.platform.test_chart_posture import assert_restricted

DAG_IDS = {"feature_refresh", "credit_training", "drift_monitoring"}
ON_KUBERNETES = {"DAGS_RUNS_ON": "kubernetes"}
#: As helm/airflow/values.yaml has it.
IN_CLUSTER: dict[str, str] = {
    variable["name"]: variable["value"]
    for variable in yaml.safe_load((ROOT / "helm" / "airflow" / "values.yaml").read_text())["env"]
}


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


def pods_of(dags: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each task's pod as the API server gets it, with what the operator puts beside our container."""
    from kubernetes.client import ApiClient  # noqa: PLC0415

    for dag in dags.values():
        for task in dag.tasks:
            if task.task_type == "KubernetesPodOperator":
                pod = task.build_pod_request_obj(dry_run=True)
                yield task.task_id, ApiClient().sanitize_for_serialization(pod)


def test_every_container_of_a_tasks_pod_is_restricted(airflow: dict[str, str]) -> None:
    """Also the one that hands a result over: with no context of its own, the namespace refuses the pod."""
    beside = set()
    for task_id, pod in pods_of(dags_with(IN_CLUSTER)):
        for container in pod["spec"]["containers"]:
            assert_restricted(container)
            assert container["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            # Images of others name no user, and then are root's.
            assert container["securityContext"]["runAsUser"] > 0
            beside.add((task_id, container["name"]))
        kinds = {kind for volume in pod["spec"]["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "persistentVolumeClaim", "projected"}
        assert pod["spec"]["automountServiceAccountToken"] is False
    assert {task for task, name in beside if name == "airflow-xcom-sidecar"} == {"train", "watch_drift"}


def test_a_pod_writes_nothing_where_its_tables_are(airflow: dict[str, str]) -> None:
    """The claim is mounted read-only, and the quality gate's pages went into the folder of the data."""
    for task_id, pod in pods_of(dags_with(IN_CLUSTER)):
        (mount,) = [
            one for one in pod["spec"]["containers"][0]["volumeMounts"] if one["mountPath"] == "/data"
        ]
        assert mount["readOnly"]
        if task_id == "validate":
            arguments = pod["spec"]["containers"][0]["args"]
            docs = arguments[arguments.index("--docs") + 1]
            assert docs == IN_CLUSTER["DAGS_QUALITY_DOCS"]
            assert not docs.startswith("/data")


#: What a command of the DAGs announces, by the words that it begins with.
ANNOUNCED = {
    ("quality",): None,
    ("features", "build"): FEATURE_SNAPSHOTS,
    ("train",): None,
    ("promote",): MODEL_PROMOTIONS,
    ("archive",): None,
    ("drift",): DRIFT_REPORTS,
}


def test_who_the_pods_are_to_kafka_may_announce_what_their_commands_announce(airflow: dict[str, str]) -> None:
    """`features build` ended with 1: its principal might not write feature-snapshots."""
    users = yaml.safe_load_all((ROOT / "helm" / "strimzi" / "users.yaml").read_text())
    (user,) = [one for one in users if one["metadata"]["name"] == IN_CLUSTER["DAGS_KAFKA_USER"]]
    written = {
        rule["resource"]["name"]
        for rule in user["spec"]["authorization"]["acls"]
        if rule["resource"]["type"] == "topic" and "Write" in rule["operations"]
    }
    wanted = set()
    for _, pod in pods_of(dags_with(IN_CLUSTER)):
        arguments = tuple(pod["spec"]["containers"][0]["args"])
        ((_, topic),) = [one for one in ANNOUNCED.items() if arguments[: len(one[0])] == one[0]]
        wanted |= {topic.name} if topic else set()
    assert wanted == {topic.name for topic in ANNOUNCED.values() if topic}
    assert wanted == written


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
