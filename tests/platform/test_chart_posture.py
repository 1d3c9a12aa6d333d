"""What the chart runs may do nothing that it need not: pod security, secrets, resources, probes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.platform.chart import ALL_VALUES, Chart, Object, component, containers, of_kind, pods

values_files = pytest.mark.parametrize("values", ALL_VALUES, ids=lambda path: path.stem)


@values_files
def test_every_pod_is_restricted(chart: Chart, values: Path) -> None:
    """The Pod Security Standard `restricted`, point by point."""
    for name, pod in pods(chart.objects(values)):
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"]["type"] == "RuntimeDefault", name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
        assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} <= allowed, name
        for container in containers(pod):
            assert_restricted(container)


def assert_restricted(container: Object) -> None:
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["runAsNonRoot"] is True
    assert "privileged" not in context
    assert not any("hostPort" in port for port in container.get("ports", []))


@values_files
def test_root_file_systems_are_read_only_and_every_pod_has_room_to_write(chart: Chart, values: Path) -> None:
    for name, pod in pods(chart.objects(values)):
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert "scratch" in [mount["name"] for mount in container["volumeMounts"]], name
        unbounded = [
            one for one in pod["volumes"] if "emptyDir" in one and "sizeLimit" not in one["emptyDir"]
        ]
        assert unbounded == [], name


@values_files
def test_no_pod_has_a_token_of_the_api_server(chart: Chart, values: Path) -> None:
    objects = chart.objects(values)
    accounts = {one["metadata"]["name"]: one for one in of_kind(objects, "ServiceAccount")}
    for name, pod in pods(objects):
        assert pod["automountServiceAccountToken"] is False, name
        assert accounts[pod["serviceAccountName"]]["automountServiceAccountToken"] is False, name
    assert of_kind(objects, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding") == []


@values_files
def test_each_component_has_an_account_of_its_own(chart: Chart, values: Path) -> None:
    used = [pod["serviceAccountName"] for _, pod in pods(chart.objects(values))]
    assert len(used) == len(set(used))


@values_files
def test_no_secret_is_spelled(chart: Chart, values: Path) -> None:
    objects = chart.objects(values)
    assert of_kind(objects, "Secret") == []
    secretive = re.compile(r"PASSWORD$|SECRET|TOKEN|DATABASE_URL|BACKEND_STORE_URI")
    for name, pod in pods(objects):
        for variable in (v for container in containers(pod) for v in container.get("env", [])):
            if secretive.search(variable["name"]):
                assert "secretKeyRef" in variable["valueFrom"], (name, variable["name"])
    for one in of_kind(objects, "ConfigMap"):
        for key, value in one["data"].items():
            assert not secretive.search(key) or value.startswith("sqlite:"), (one["metadata"]["name"], key)
            assert not re.search(r"://[^/\s:@]+:[^/\s@]+@", value), (one["metadata"]["name"], key)


@values_files
def test_every_container_asks_for_what_it_needs(chart: Chart, values: Path) -> None:
    for name, pod in pods(chart.objects(values)):
        for container in containers(pod):
            resources = container["resources"]
            assert resources["requests"].keys() >= {"cpu", "memory"}, name
            assert "memory" in resources["limits"], name


@values_files
def test_what_serves_is_probed_and_what_leaves_has_time(chart: Chart, values: Path) -> None:
    for one in of_kind(chart.objects(values), "Deployment"):
        pod = one["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container.keys() >= {"startupProbe", "readinessProbe", "livenessProbe"}, component(one)
        assert container["readinessProbe"]["httpGet"]["port"] == "http"
        assert pod["terminationGracePeriodSeconds"] >= 15


@values_files
def test_a_gateway_leaves_later_than_its_last_request(chart: Chart, values: Path) -> None:
    objects = chart.objects(values)
    settings = next(one["data"] for one in of_kind(objects, "ConfigMap") if component(one) == "gateway")
    pod = next(spec for name, spec in pods(objects) if name.endswith("gateway"))
    busy_s = float(settings["GATEWAY_DRAIN_GRACE_S"]) + float(settings["GATEWAY_DRAIN_TIMEOUT_S"])
    assert pod["terminationGracePeriodSeconds"] > busy_s + float(settings["GATEWAY_DEADLINE_MS"]) / 1000


@values_files
def test_a_changed_setting_restarts_its_pods(chart: Chart, values: Path) -> None:
    before, after = (checksums(chart, values, change) for change in ((), ("ledger.retentionMonths=9",)))
    assert {name for name in before if before[name] != after[name]} == {"ledger"}


def checksums(chart: Chart, values: Path, changes: tuple[str, ...]) -> dict[str, str]:
    return {
        component(one): one["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        for one in of_kind(chart.objects(values, changes=changes), "Deployment")
    }


@values_files
def test_replicas_keep_apart(chart: Chart, values: Path) -> None:
    for one in of_kind(chart.objects(values), "Deployment"):
        if one["spec"].get("replicas", 2) > 1:
            keys = [c["topologyKey"] for c in one["spec"]["template"]["spec"]["topologySpreadConstraints"]]
            assert set(keys) == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}, component(one)


@values_files
def test_a_rolling_update_adds_before_it_takes_away(chart: Chart, values: Path) -> None:
    for one in of_kind(chart.objects(values), "Deployment"):
        if component(one).startswith(("gateway", "scorer", "features")):
            rolling = one["spec"]["strategy"]["rollingUpdate"]
            assert rolling == {"maxSurge": 1, "maxUnavailable": 0}, component(one)


@values_files
def test_services_find_their_pods(chart: Chart, values: Path) -> None:
    objects = chart.objects(values)
    templates = [one["spec"]["template"]["metadata"]["labels"] for one in of_kind(objects, "Deployment")]
    selectors = [one["spec"]["selector"] for one in of_kind(objects, "Service") if "selector" in one["spec"]]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in of_kind(objects, "PodDisruptionBudget")]
    for selector in selectors:
        assert sum(selector.items() <= labels.items() for labels in templates) == 1, selector


def test_the_world_sees_neither_metrics_nor_probes(chart: Chart) -> None:
    for values in ALL_VALUES:
        said = json.dumps(of_kind(chart.objects(values), "Ingress"))
        assert not re.search(r"/metrics|/healthz|/readyz|ledger", said)
