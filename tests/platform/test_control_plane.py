"""The chart on a real Kubernetes control plane: installed, upgraded, rolled back, drained, taken away.

Runs where `make k8s-tools` has built the control plane; the long ones in `make test-slow` only.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from infra.tools.errors import ToolUnavailable
from infra.tools.settings import ToolSettings
from tests.e2e.processes import wait_until
from tests.platform import custom_resources
from tests.platform.chart import ALL_VALUES, CHART, EXTREMES, Chart
from tests.platform.control_plane import ControlPlane, KubectlRefused, missing_programs

pytestmark = pytest.mark.cluster

EVERYTHING = next(path for path in EXTREMES if path.stem == "everything")
#: What a bare cluster has not: a storage class, a priority class.
BARE_CLUSTER = ("sharedVolume.enabled=false", "priorityClassName=")


@pytest.fixture(scope="module")
def control_plane(helm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane, with the operators' kinds of objects known to it."""
    settings = ToolSettings()
    if missing := missing_programs(settings):
        pytest.skip(f"no control plane on this machine ({', '.join(missing)}): make k8s-tools")
    with ControlPlane(tmp_path_factory.mktemp("control-plane"), settings) as plane:
        try:
            for kind in sorted(custom_resources.KINDS):
                plane.kubectl("create", "--filename", str(custom_resources.definition_file(kind)))
        except ToolUnavailable as error:
            pytest.skip(f"the operators' definitions are in Go modules: {error}")
        plane.kubectl("create", "namespace", "scoring")
        plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield plane


class Release:
    """The chart as a release in a namespace of its own, where only restricted pods may run."""

    def __init__(self, plane: ControlPlane, helm: Path) -> None:
        self.plane = plane
        self.namespace = f"scoring-{uuid4().hex[:6]}"
        self._helm = helm
        plane.kubectl("create", "namespace", self.namespace)
        plane.kubectl(
            "label", "namespace", self.namespace, "pod-security.kubernetes.io/enforce=restricted",
        )  # fmt: skip

    def upgrade(self, *changes: str, is_rolled_back: bool = False) -> subprocess.CompletedProcess[str]:
        """`helm upgrade --install`, as the deploy workflow does it."""
        options = [option for change in (*BARE_CLUSTER, *changes) for option in ("--set", change)]
        options += ["--rollback-on-failure", "--timeout", "12s"] if is_rolled_back else ["--timeout", "90s"]
        return self.run(
            "upgrade",
            "--install",
            "r",
            str(CHART),
            "--values",
            str(EVERYTHING),
            "--wait",
            "--reset-then-reuse-values",
            *options,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Helm, in this namespace."""
        where = ["--kubeconfig", str(self.plane.kubeconfig), "--namespace", self.namespace]
        return subprocess.run(
            [self._helm, *arguments, *where], capture_output=True, text=True, check=False, timeout=120
        )

    def get(self, kind: str, *options: str) -> list[dict[str, Any]]:
        """Objects of a kind."""
        return self.plane.get(kind, self.namespace, *options)

    def names(self, kind: str) -> set[str]:
        """Their names, without the release's."""
        return {one["metadata"]["name"].removeprefix("r-scorestream-") for one in self.get(kind)}

    def images(self, component: str) -> set[str]:
        """Images that pods of a component run, those that leave left out."""
        pods = self.get("pods", "--selector", f"app.kubernetes.io/component={component}")
        staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return {pod["spec"]["containers"][0]["image"] for pod in staying}


@pytest.fixture(scope="module")
def release(control_plane: ControlPlane, helm: Path) -> Iterator[Release]:
    """A release that is installed and ready; tests upgrade it, each from wherever it is."""
    made = Release(control_plane, helm)
    done = made.upgrade()
    assert done.returncode == 0, done.stderr
    yield made
    control_plane.kubectl("delete", "namespace", made.namespace, "--wait=false")


def test_what_is_installed_is_what_the_design_says(release: Release) -> None:
    processes = {"gateway", "scorer-sync", "scorer-batch", "features", "ledger", "archive", "lag-exporter"}
    assert release.names("deployments") == processes | {"mlflow"}
    for one in release.get("deployments"):
        release.plane.kubectl(
            "rollout", "status", f"deployment/{one['metadata']['name']}", "--timeout=30s",
            "--namespace", release.namespace,
        )  # fmt: skip
    ports = {
        one["metadata"]["name"].removeprefix("r-scorestream-"): one["spec"]["ports"][0]["port"]
        for one in release.get("services")
    }
    assert ports["gateway"] == 8000
    assert ports["features"] == 8001
    assert ports["ledger"] == 8004
    assert ports["mlflow"] == 5000
    assert release.names("horizontalpodautoscalers") == {"gateway"}
    assert release.names("networkpolicies") == processes | {
        "mlflow", "topics", "promotion", "training", "default-deny", "acme-solver",
    }  # fmt: skip
    assert release.names("ingresses") == {"api", "consoles"}
    assert {rule["host"] for one in release.get("ingresses") for rule in one["spec"]["rules"]} == {
        "scoring.example.org"
    }


def test_the_operators_take_our_objects(release: Release) -> None:
    assert release.names("scaledobjects") == {"scorer-sync", "scorer-batch"}
    assert release.names("triggerauthentications") == {"keda"}
    assert release.names("servicemonitors") == {"metrics"}


def test_the_job_for_topics_is_done_and_gone_when_the_release_is_there(release: Release) -> None:
    assert release.get("jobs") == []
    assert not {"topics", "promotion"} & release.names("serviceaccounts")


def test_a_changed_image_is_rolled_out(release: Release) -> None:
    done = release.upgrade("gateway.image.tag=next")
    assert done.returncode == 0, done.stderr
    assert {image.rpartition(":")[2] for image in release.images("gateway")} == {"next"}
    assert {image.rpartition(":")[2] for image in release.images("ledger")} == {"0.1.0"}


@pytest.mark.slow
def test_an_upgrade_that_never_gets_ready_is_rolled_back_and_the_old_pods_go_on(release: Release) -> None:
    before = release.images("gateway")
    pods_before = {pod["metadata"]["name"] for pod in release.get("pods") if is_ready(pod)}
    done = release.upgrade("gateway.image.tag=broken", is_rolled_back=True)
    assert done.returncode != 0
    wait_until(lambda: release.images("gateway") == before, why="the broken pods are gone")
    assert {pod["metadata"]["name"] for pod in release.get("pods") if is_ready(pod)} == pods_before
    history = yaml.safe_load(release.run("history", "r", "--output", "yaml").stdout)
    assert [one["status"] for one in history][-3:] == ["superseded", "failed", "deployed"]


@pytest.mark.slow
def test_an_upgrade_leaves_the_replicas_alone_that_an_autoscaler_holds(release: Release) -> None:
    release.plane.kubectl(
        "scale", "deployment/r-scorestream-gateway", "--replicas=5", "--namespace", release.namespace
    )
    done = release.upgrade("gateway.image.tag=another")
    assert done.returncode == 0, done.stderr
    (gateway,) = [one for one in release.get("deployments") if one["metadata"]["name"].endswith("-gateway")]
    assert gateway["spec"]["replicas"] == 5
    assert gateway["status"]["readyReplicas"] == 5


def test_a_second_gateway_is_not_drained_before_the_first_is_replaced(release: Release) -> None:
    def is_allowed() -> bool:
        (budget,) = [one for one in release.get("pdb") if one["metadata"]["name"].endswith("-gateway")]
        return bool(budget.get("status", {}).get("disruptionsAllowed") == 1)

    wait_until(is_allowed, why="the budget is counted")
    pods = release.get("pods", "--selector", "app.kubernetes.io/component=gateway")
    names = [pod["metadata"]["name"] for pod in pods]
    first, second = (evict(release, name) for name in names[:2])
    assert (first, second) == (201, 429)


def evict(release: Release, pod: str) -> int:
    answer = release.plane.api.post(
        f"/api/v1/namespaces/{release.namespace}/pods/{pod}/eviction",
        json={"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}},
    )
    return answer.status_code


def test_a_privileged_pod_is_refused_beside_ours(release: Release) -> None:
    with pytest.raises(KubectlRefused, match="violates PodSecurity"):
        release.plane.kubectl(
            "run", "intruder", "--image=anything", "--privileged", "--namespace", release.namespace
        )


@pytest.mark.slow
def test_nothing_is_left_after_uninstalling(control_plane: ControlPlane, helm: Path) -> None:
    release = Release(control_plane, helm)
    assert release.upgrade().returncode == 0
    listed = release.plane.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    kinds = ",".join(kind for kind in listed if not kind.startswith(("events", "leases")))
    done = release.run("uninstall", "r", "--wait", "--timeout", "60s")
    assert done.returncode == 0, done.stderr

    def left() -> set[str]:
        found = release.plane.kubectl(
            "get", kinds, "--namespace", release.namespace, "--output=name", "--ignore-not-found"
        )
        return set(found.split()) - {"configmap/kube-root-ca.crt", "serviceaccount/default"}

    wait_until(lambda: left() == set(), why="nothing is left")


@pytest.mark.parametrize("values", ALL_VALUES, ids=lambda path: path.stem)
def test_the_api_server_would_take_every_environment(
    control_plane: ControlPlane, chart: Chart, values: Path
) -> None:
    everything = yaml.safe_dump_all(chart.objects(values))
    said = control_plane.kubectl(
        "create", "--dry-run=server", "--validate=strict", "--namespace", "scoring", "--filename", "-",
        stdin=everything,
    )  # fmt: skip
    assert said.count("created (server dry run)") == len(chart.objects(values))


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
