"""Autoscalers: who owns the replica count, and that its numbers add up."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from contracts.lanes import Lane
from scorer.settings import ScorerSettings
from tests.platform.chart import ALL_VALUES, Chart, Object, component, of_kind
from tests.platform.test_chart_network import merged_values

values_files = pytest.mark.parametrize("values", ALL_VALUES, ids=lambda path: path.stem)

#: DESIGN: what one scorer core decides at least.
DECIDED_PER_S = 2000


@values_files
def test_a_replica_count_has_one_owner(chart: Chart, values: Path) -> None:
    """With an HPA at another number than the template's, Helm's upgrade fails or drops replicas."""
    objects = chart.objects(values)
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in scalers(objects)}
    for one in of_kind(objects, "Deployment"):
        assert ("replicas" in one["spec"]) != (one["metadata"]["name"] in scaled), component(one)


@values_files
def test_the_gateway_follows_its_requested_cpu(chart: Chart, values: Path) -> None:
    objects = chart.objects(values)
    for hpa in of_kind(objects, "HorizontalPodAutoscaler"):
        assert component(hpa) == "gateway"
        cpu = next(
            metric["resource"] for metric in hpa["spec"]["metrics"] if metric["resource"]["name"] == "cpu"
        )
        assert cpu["target"] == {"type": "Utilization", "averageUtilization": 70}
        # At the target a pod of a pair takes over the other's work without being over its request by half.
        assert desired(current=1, value=2 * 70, target=70) == 2
        assert hpa["spec"]["minReplicas"] <= hpa["spec"]["maxReplicas"]


def test_memory_is_a_target_when_asked_for(chart: Chart) -> None:
    by_name = {path.stem: path for path in ALL_VALUES}
    watched = {
        name: {
            metric["resource"]["name"]
            for hpa in gateway_hpa(chart, by_name[name])
            for metric in hpa["metrics"]
        }
        for name in ("everything", "staging")
    }
    assert watched == {"everything": {"cpu", "memory"}, "staging": {"cpu"}}


@values_files
def test_a_lane_never_has_more_scorers_than_partitions(chart: Chart, values: Path) -> None:
    partitions = merged_values(values)["topics"]["partitions"]
    objects = chart.objects(values)
    for one in of_kind(objects, "Deployment"):
        if component(one).startswith("scorer-"):
            assert one["spec"].get("replicas", 1) <= partitions
    for one in of_kind(objects, "ScaledObject"):
        assert one["spec"]["maxReplicaCount"] <= partitions
        assert one["spec"]["fallback"]["replicas"] <= partitions
        (trigger,) = one["spec"]["triggers"]
        assert trigger["metadata"]["allowIdleConsumers"] == "false"


@values_files
def test_lag_is_that_of_the_lanes_own_group(chart: Chart, values: Path) -> None:
    for one in of_kind(chart.objects(values), "ScaledObject"):
        lane = Lane(component(one).removeprefix("scorer-"))
        (trigger,) = one["spec"]["triggers"]
        assert trigger["metadata"]["topic"] == lane.applications.name
        assert trigger["metadata"]["consumerGroup"] == lane.consumer_group


@values_files
def test_a_lane_that_keeps_up_is_not_scaled_by_its_commit_interval(chart: Chart, values: Path) -> None:
    """Offsets are committed now and then: what was decided since looks like lag and is none."""
    uncommitted = DECIDED_PER_S * ScorerSettings().commit_every_ms / 1000
    for one in of_kind(chart.objects(values), "ScaledObject"):
        (trigger,) = one["spec"]["triggers"]
        target = int(trigger["metadata"]["lagThreshold"])
        assert desired(current=1, value=uncommitted, target=target) == 1
        # A second of work that waits does scale the interactive lane.
        if component(one) == "scorer-sync":
            assert desired(current=1, value=uncommitted + DECIDED_PER_S, target=target) > 1


@values_files
def test_the_interactive_lane_never_sleeps(chart: Chart, values: Path) -> None:
    for one in of_kind(chart.objects(values), "ScaledObject"):
        assert component(one) != "scorer-sync" or one["spec"]["minReplicaCount"] >= 1


@values_files
def test_a_drain_takes_one_pod_and_is_never_blocked(chart: Chart, values: Path) -> None:
    objects = chart.objects(values)
    guarded = {component(one) for one in of_kind(objects, "PodDisruptionBudget")}
    for one in of_kind(objects, "PodDisruptionBudget"):
        assert one["spec"]["maxUnavailable"] == 1
    floors = {component(one): one["spec"].get("replicas", 0) for one in of_kind(objects, "Deployment")}
    floors |= {component(one): least(one) for one in scalers(objects)}
    assert guarded == {name for name, floor in floors.items() if floor > 1}


def gateway_hpa(chart: Chart, values: Path) -> list[Object]:
    return [one["spec"] for one in of_kind(chart.objects(values), "HorizontalPodAutoscaler")]


def scalers(objects: list[Object]) -> list[Object]:
    return of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")


def least(one: Object) -> int:
    return int(one["spec"].get("minReplicas", one["spec"].get("minReplicaCount", 0)))


def desired(*, current: int, value: float, target: float) -> int:
    """Kubernetes' own formula: replicas by what they carry, ten per cent of difference forgiven."""
    ratio = value / (current * target)
    return current if abs(ratio - 1) <= 0.1 else math.ceil(current * ratio)
