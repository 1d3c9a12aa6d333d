"""Every variable that the chart gives a process is a field of that process's settings."""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path

import pytest
import yaml
from pydantic_settings import BaseSettings

from feature_service.settings import FeatureSettings
from gateway.ledger.settings import LedgerSettings
from gateway.settings import GatewaySettings
from infra.kafka.acls import ROLES
from infra.kafka.lag.settings import LagSettings
from infra.runtime.kafka import KafkaConnection
from scorer.settings import ScorerSettings
from tests.platform.chart import ALL_VALUES, CHART, ROOT, Chart, Object, component, containers, of_kind
from training.archive.settings import ArchiveSettings

values_files = pytest.mark.parametrize("values", ALL_VALUES, ids=lambda path: path.stem)

#: Component → the settings its process reads.
SETTINGS: dict[str, tuple[type[BaseSettings], ...]] = {
    "gateway": (GatewaySettings, KafkaConnection),
    "scorer-sync": (ScorerSettings, KafkaConnection),
    "scorer-batch": (ScorerSettings, KafkaConnection),
    "features": (FeatureSettings,),
    "ledger": (LedgerSettings, KafkaConnection),
    "lag-exporter": (LagSettings, KafkaConnection),
    "archive": (ArchiveSettings, KafkaConnection),
    "topics": (KafkaConnection,),
    "promotion": (KafkaConnection, ScorerSettings),
    "mlflow": (),
}
#: Variables that the libraries of the object stores and MLflow's server read.
OF_LIBRARIES = re.compile(r"AWS_[A-Z_]+")
OF_MLFLOW = re.compile(r"MLFLOW_[A-Z_]+|DO_NOT_TRACK")
#: Variables that the chart writes itself, and the value of the chart that each is from.
OWN: dict[str, str] = yaml.safe_load((CHART / "files" / "variables.yaml").read_text())


@values_files
def test_every_variable_is_a_setting_of_its_process(chart: Chart, values: Path) -> None:
    objects = chart.objects(values)
    unknown = {
        (name, variable)
        for name, variables in variables_by_component(objects).items()
        for variable in variables - known(name)
        if not OF_LIBRARIES.fullmatch(variable) and not (name == "mlflow" and OF_MLFLOW.fullmatch(variable))
    }
    assert unknown == set()


@values_files
def test_what_the_chart_writes_is_no_setting_of_env(chart: Chart, values: Path) -> None:
    """GATEWAY_DRAIN_GRACE_S=90 in gateway.env made a pod drain for 90 s that was killed after 26."""
    given = yaml.safe_load(values.read_text())
    of_env = {name for one in given.values() if isinstance(one, dict) for name in one.get("env", {})}
    written = set().union(*variables_by_component(chart.objects(values)).values())
    assert {name for name in written - of_env - OWN.keys() if not OF_LIBRARIES.fullmatch(name)} == set()


def test_what_is_refused_in_env_is_a_setting_and_the_value_named_instead_is_there() -> None:
    of_processes = set().union(*(known(name) for name in SETTINGS))
    assert {name for name in OWN.keys() - of_processes if not OF_MLFLOW.fullmatch(name)} == set()
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    for value in filter(None, OWN.values()):
        reduce(lambda at, key: at[key], value.split("."), defaults)


@values_files
def test_processes_listen_where_services_and_probes_look(chart: Chart, values: Path) -> None:
    objects = chart.objects(values)
    for deployment in of_kind(objects, "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        (port,) = container["ports"]
        settings = variables_of(deployment, objects)
        told = [value for name, value in settings.items() if re.fullmatch(r"[A-Z]+_PORT", name)]
        assert told in ([], [str(port["containerPort"])]), component(deployment)
        if component(deployment) != "mlflow":
            assert "0.0.0.0" in settings.values(), component(deployment)  # noqa: S104


def known(name: str) -> set[str]:
    return {
        str(field.validation_alias or f"{settings.model_config['env_prefix']}{field_name}").upper()
        for settings in SETTINGS[name]
        for field_name, field in settings.model_fields.items()
    }


def variables_by_component(objects: list[Object]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in of_kind(objects, "Deployment", "Job"):
        found.setdefault(component(one), set()).update(variables_of(one, objects))
    return found


def variables_of(one: Object, objects: list[Object]) -> dict[str, str]:
    maps = {found["metadata"]["name"]: found["data"] for found in of_kind(objects, "ConfigMap")}
    variables: dict[str, str] = {}
    for container in containers(one["spec"]["template"]["spec"]):
        for source in container.get("envFrom", []):
            variables |= maps[source["configMapRef"]["name"]]
        variables |= {v["name"]: v.get("value", "") for v in container.get("env", [])}
    return variables


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_components_are_the_kafka_users_that_strimzi_makes(chart: Chart, environment: str) -> None:
    (values,) = [path for path in ALL_VALUES if path.stem == environment]
    text = (ROOT / "helm" / "strimzi" / "users.yaml").read_text()
    made = {one["metadata"]["name"] for one in yaml.safe_load_all(text)}
    objects = chart.objects(values)
    used = {
        variables["KAFKA_SASL_USERNAME"]
        for one in of_kind(objects, "Deployment", "Job")
        if "KAFKA_SASL_USERNAME" in (variables := variables_of(one, objects))
    }
    assert used <= made
    assert len(used) == len(ROLES_OF_PROCESSES)


#: Roles of infra/kafka/acls.py that a pod of the chart has; training's pods are Airflow's.
ROLES_OF_PROCESSES = {role.name for role in ROLES} & {*SETTINGS, "platform-admin"}
