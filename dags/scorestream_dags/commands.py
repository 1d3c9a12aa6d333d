"""A command line as a task: a subprocess here, a pod on Kubernetes, from one definition.

Arguments are templates, each an argument of its own, and never pass through a shell: what somebody types
as a param can't become a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import Asset, BaseOperator
from kubernetes.client import models as k8s
from scorestream_dags.running import run_command
from scorestream_dags.settings import DagSettings

#: Where a pod leaves what the task returns; the command line is told by --result-file.
_POD_RESULT = "/airflow/xcom/return.json"
#: The user of our images. The image beside them that hands the result over would run as root.
_USER = 10001


def command(
    settings: DagSettings,
    task_id: str,
    arguments: Sequence[str],
    *,
    timeout: timedelta,
    has_result: bool = False,
    outlets: Sequence[Asset] = (),
) -> BaseOperator:
    """The task that runs `scorestream` with these arguments.

    With `has_result`, the JSON of the command's last line is what the task returns.
    """
    common: dict[str, Any] = {
        "task_id": task_id,
        "execution_timeout": timeout,
        "outlets": list(outlets),
        "retries": settings.retries,
        "retry_delay": timedelta(seconds=settings.retry_delay_s),
        "retry_exponential_backoff": True,
    }
    if settings.runs_on == "subprocess":
        return PythonOperator(
            python_callable=run_command,
            op_args=[settings.executable, *arguments],
            op_kwargs={"has_result": has_result},
            **common,
        )
    return _pod(settings, arguments, has_result=has_result, common=common)


def validate(settings: DagSettings) -> BaseOperator:
    """The task that asks the quality gate about the run's data."""
    return command(
        settings,
        "validate",
        ["quality", "--data", "{{ params.data }}", "--docs", settings.quality_docs],
        timeout=timedelta(hours=1),
    )


def build_features(settings: DagSettings, *options: str, outlets: Sequence[Asset] = ()) -> BaseOperator:
    """The task that builds a snapshot of the run's data, without the tables that may be missing."""
    missing = [word for name in settings.allow_missing for word in ("--allow-missing", name)]
    return command(
        settings,
        "build_features",
        [
            "features", "build",
            "--data", "{{ params.data }}",
            "--store", settings.feature_store,
            *options,
            *missing,
        ],
        timeout=timedelta(hours=3),
        outlets=outlets,
    )  # fmt: skip


def _pod(
    settings: DagSettings, arguments: Sequence[str], *, has_result: bool, common: dict[str, Any]
) -> BaseOperator:
    resources = {"cpu": settings.cpu, "memory": settings.memory}
    return KubernetesPodOperator(
        image=settings.image,
        namespace=settings.namespace,
        labels={
            "app.kubernetes.io/name": "scorestream",
            "app.kubernetes.io/instance": settings.release,
            "app.kubernetes.io/component": "training",
        },
        service_account_name=settings.service_account,
        automount_service_account_token=False,
        cmds=["scorestream"],
        arguments=[*arguments, *(["--result-file", _POD_RESULT] if has_result else [])],
        env_from=[
            k8s.V1EnvFromSource(config_map_ref=k8s.V1ConfigMapEnvSource(name=settings.config_map)),
            k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=settings.secret, optional=True)),
        ],
        container_resources=k8s.V1ResourceRequirements(
            requests=resources, limits={"memory": settings.memory}
        ),
        container_security_context=_restricted(),
        xcom_sidecar_container_security_context=_restricted(),
        do_xcom_push=has_result,
        **_mounted(settings),
        on_finish_action="delete_succeeded_pod",
        get_logs=True,
        **common,
    )


def _restricted() -> k8s.V1SecurityContext:
    """What the Pod Security Standard `restricted` asks of each container."""
    return k8s.V1SecurityContext(
        allow_privilege_escalation=False,
        run_as_non_root=True,
        run_as_user=_USER,
        run_as_group=_USER,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
        seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
    )


def _mounted(settings: DagSettings) -> dict[str, Any]:
    """Kafka's secrets where the chart's ConfigMap says that they are, and the tables at /data."""
    volumes, mounts = [], []
    kafka = {"ca.crt": settings.kafka_ca, "password": settings.kafka_user}
    if sources := [_secret_file(secret, name) for name, secret in kafka.items() if secret]:
        projected = k8s.V1ProjectedVolumeSource(sources=sources)
        volumes.append(k8s.V1Volume(name="kafka", projected=projected))
        mounts.append(k8s.V1VolumeMount(name="kafka", mount_path="/etc/scorestream/kafka", read_only=True))
    if settings.data_claim:
        claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name=settings.data_claim, read_only=True)
        volumes.append(k8s.V1Volume(name="data", persistent_volume_claim=claim))
        mounts.append(k8s.V1VolumeMount(name="data", mount_path="/data", read_only=True))
    return {"volumes": volumes, "volume_mounts": mounts}


def _secret_file(secret: str, key: str) -> k8s.V1VolumeProjection:
    items = [k8s.V1KeyToPath(key=key, path=key)]
    return k8s.V1VolumeProjection(secret=k8s.V1SecretProjection(name=secret, items=items))
