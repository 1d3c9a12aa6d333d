"""What is installed beside the chart, by charts of others: our values and objects against their rules.

Those charts can't be had here, so their rules are written down: each test says whose rule it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import infra.docker
from infra.tools.catalogue import KEDA
from infra.tools.strimzi_users import users
from tests.platform.chart import ENVIRONMENTS, ROOT

HELM = ROOT / "helm"
AIRFLOW = yaml.safe_load((HELM / "airflow" / "values.yaml").read_text())
DOCS = sorted((ROOT / "docs" / "deploy").glob("*.md"))
STRIMZI_OBJECTS = ["kafka.yaml", "kafka-minikube.yaml", "users.yaml"]


def installs() -> Iterator[tuple[str, str, str | None]]:
    """Page, chart and pinned version of each command that installs somebody else's chart."""
    for page in DOCS:
        text = page.read_text().replace("\\\n", " ")
        for chart, rest in re.findall(
            r"^helm (?:install|upgrade --install) \S+ (\S+) (.*)$", text, re.MULTILINE
        ):
            pinned = re.search(r"--version v?(\d+\.\d+\.\d+)\b", rest)
            yield page.name, chart, pinned and pinned[1]


def test_every_documented_chart_has_one_version() -> None:
    """Unpinned, the next reader gets what was released meanwhile: Strimzi 1.0 took away our API version."""
    found = list(installs())
    assert {chart for _, chart, _ in found} == {
        "strimzi-kafka-operator",
        "kube-prometheus-stack",
        "keda",
        "airflow",
        "traefik",
        "cert-manager",
    }
    assert [(page, chart) for page, chart, version in found if version is None] == []
    versions = {(chart, version) for _, chart, version in found}
    assert len(versions) == len({chart for chart, _ in versions})
    assert ("keda", KEDA[1]) in versions


@pytest.mark.parametrize("name", STRIMZI_OBJECTS)
def test_strimzis_objects_are_of_the_version_that_it_serves(name: str) -> None:
    """From 1.0 on it serves `v1` alone (strimzi-kafka-operator issue 11930)."""
    objects = list(yaml.safe_load_all((HELM / "strimzi" / name).read_text()))
    assert {one["apiVersion"] for one in objects} == {"kafka.strimzi.io/v1"}
    (version,) = {version for _, chart, version in installs() if chart == "strimzi-kafka-operator"}
    assert int(str(version).split(".")[0]) >= 1


def test_strimzi_is_not_told_to_watch_the_namespace_that_it_is_in() -> None:
    """Its chart adds that itself; listed as well, its role bindings are there twice (pull request 1796)."""
    values = yaml.safe_load((HELM / "strimzi" / "values.yaml").read_text())
    (namespace,) = {
        found
        for page in DOCS
        for found in re.findall(
            r"strimzi-kafka-operator .*?--namespace (\S+)", page.read_text().replace("\\\n", " ")
        )
    }
    assert namespace not in values["watchNamespaces"]
    objects = [
        one for name in STRIMZI_OBJECTS for one in yaml.safe_load_all((HELM / "strimzi" / name).read_text())
    ]
    assert {one["metadata"]["namespace"] for one in objects} == {namespace, *values["watchNamespaces"]}


def test_strimzis_users_are_what_the_table_of_roles_says() -> None:
    assert (HELM / "strimzi" / "users.yaml").read_text() == users()


def test_airflows_image_runs_what_its_chart_tells_it() -> None:
    """The chart gives whole commands as arguments: `bash -c …`, `airflow db …`, `python -m …` for a task."""
    stage = dockerfile_stage("airflow")
    assert [line for line in stage if line.startswith("ENTRYPOINT")] == ["ENTRYPOINT []"]
    (command,) = [ast.literal_eval(line.removeprefix("CMD ")) for line in stage if line.startswith("CMD")]
    assert command[0] == "airflow"


def test_airflows_image_has_a_home_of_its_user() -> None:
    """The chart sets AIRFLOW_HOME to /opt/airflow, mounts its settings there, and components write there."""
    home = AIRFLOW.get("airflowHome", "/opt/airflow")
    user = AIRFLOW["securityContexts"]["pod"]["runAsUser"]
    stage = dockerfile_stage("airflow")
    assert f"RUN install --directory --owner {user} --group {user} {home}" in stage
    assert f"COPY dags {home}/dags" in stage
    assert [line for line in stage if line.startswith("USER")][-1] == f"USER {user}:{user}"


def test_airflow_is_the_version_of_the_image_and_who_logs_in_is_known_to_it() -> None:
    lock = (ROOT / "infra" / "locks" / "airflow.txt").read_text()
    assert f"apache-airflow=={AIRFLOW['airflowVersion']} " in lock
    # Whose class it is: airflow.providers.<name>.
    provider = AIRFLOW["config"]["core"]["auth_manager"].split(".")[2]
    assert f"apache-airflow-providers-{provider}==" in lock
    # The chart's own user is admin with the password admin.
    assert AIRFLOW["createUserJob"] == {"enabled": False}


def test_each_of_airflows_secrets_has_the_command_that_makes_it_with_the_key_that_is_asked_for() -> None:
    asked = {
        (AIRFLOW["data"]["metadataSecretName"], "connection"),
        (AIRFLOW["fernetKeySecretName"], "fernet-key"),
        (AIRFLOW["apiSecretKeySecretName"], "api-secret-key"),
        (AIRFLOW["jwtSecretName"], "jwt-secret"),
    }
    assert asked <= {made[1:] for made in secrets_made() if made[0] == "airflow"}


def test_a_secret_is_made_in_a_namespace_that_is_there() -> None:
    page = (ROOT / "docs" / "deploy" / "gke.md").read_text()
    commands = re.findall(r"kubectl[^`\n|]*create secret", page)
    assert commands
    for command in commands:
        (namespace,) = re.findall(r"--namespace (\S+)", command)
        made = page.find(f"kubectl create namespace {namespace}")
        assert 0 <= made < page.find(command), command


def test_the_secrets_of_the_environments_have_a_line_in_the_page() -> None:
    page = (ROOT / "docs" / "deploy" / "gke.md").read_text()
    for path in ENVIRONMENTS:
        values = yaml.safe_load(path.read_text())
        for name in secret_names(values):
            assert f"`{name}`" in page or name.startswith("kafka-"), (path.stem, name)


def test_airflows_workers_may_do_what_their_operator_does() -> None:
    """The verbs are read off the installed provider, which asks the API server by these functions."""
    objects = yaml.safe_load_all((HELM / "airflow" / "rbac.yaml").read_text())
    (role,) = [one for one in objects if one["kind"] == "Role"]
    allowed = {(kind, verb) for rule in role["rules"] for kind in rule["resources"] for verb in rule["verbs"]}
    wanted = {right for call in calls_of_the_operator() for right in RIGHTS[call]}
    assert ("pods/exec", "create") in wanted
    assert wanted <= allowed


def test_what_the_cluster_stands_on_is_made_in_an_order_that_works() -> None:
    """Cloud SQL makes PostgreSQL 16 as Enterprise Plus, which has no machines of one's own choice."""
    page = (ROOT / "docs" / "deploy" / "gke.md").read_text().replace("\\\n", " ")
    (create,) = re.findall(r"gcloud sql instances create .*", page)
    assert "--tier db-custom-" in create
    assert "--edition enterprise " in create
    # An address inside of the network wants a range of it and a peering first.
    assert "--no-assign-ip" in create
    (reserve,) = re.findall(r"gcloud compute addresses create .*", page)
    assert 0 < page.find(reserve) < page.find("vpc-peerings connect") < page.find(create)
    reserved = "/".join(re.findall(r"--(?:addresses|prefix-length) (\S+)", reserve))
    production = yaml.safe_load((HELM / "environments" / "production.yaml").read_text())
    assert production["networkPolicy"]["peers"]["postgresql"]["who"] == [{"ipBlock": {"cidr": reserved}}]
    # Nodes without addresses reach registries and buckets of others through NAT.
    assert "--enable-private-nodes" in page
    assert "gcloud compute routers nats create" in page


#: What each function of Kubernetes' client needs. An exec is a GET, upgraded to a WebSocket: `get`, and
#: from Kubernetes 1.35 on `create` as well.
RIGHTS = {
    "create_namespaced_pod": {("pods", "create")},
    "read_namespaced_pod": {("pods", "get")},
    "list_namespaced_pod": {("pods", "list")},
    "patch_namespaced_pod": {("pods", "patch")},
    "delete_namespaced_pod": {("pods", "delete")},
    "read_namespaced_pod_log": {("pods/log", "get")},
    "list_namespaced_event": {("events", "list")},
    "connect_get_namespaced_pod_exec": {("pods/exec", "get"), ("pods/exec", "create")},
}


def calls_of_the_operator() -> set[str]:
    provider = pytest.importorskip("airflow.providers.cncf.kubernetes", reason="Airflow is not installed")
    folder = Path(str(provider.__file__)).parent
    sources = [folder / "operators" / "pod.py", folder / "utils" / "pod_manager.py"]
    text = "\n".join(source.read_text() for source in sources)
    return set(re.findall(r"\b(?:create|read|list|patch|delete|connect_get)_namespaced_\w+", text))


def dockerfile_stage(name: str) -> list[str]:
    (folder,) = infra.docker.__path__
    text = (Path(folder) / "Dockerfile").read_text()
    _, _, rest = text.partition(f"AS {name}\n")
    return rest.partition("\nFROM ")[0].splitlines()


def secrets_made() -> Iterator[tuple[str, str, str]]:
    """Namespace, name and key of what the commands of docs/deploy make."""
    for page in DOCS:
        for line in page.read_text().replace("\\\n", " ").splitlines():
            made = re.search(r"--namespace (\S+) create secret generic (\S+)", line)
            for key in re.findall(r"--from-(?:literal|file)=([\w.-]+)=", line) if made else ():
                yield made[1], made[2], key  # type: ignore[index]


def secret_names(values: Any) -> Iterator[str]:
    """All names under a key `secret` of the values."""
    if isinstance(values, dict):
        for key, value in values.items():
            if key == "secret" and isinstance(value, str) and value:
                yield value
            else:
                yield from secret_names(value)
