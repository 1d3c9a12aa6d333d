"""The rendered NetworkPolicies allow the edges of `files/edges.yaml`, each of them, and nothing besides."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.platform.chart import ALL_VALUES, CHART, Chart, Object, component, of_kind, pods

EDGES: list[dict[str, str]] = yaml.safe_load((CHART / "files" / "edges.yaml").read_text())["edges"]
CLOSED = [path for path in ALL_VALUES if path.stem != "least"]

values_files = pytest.mark.parametrize("values", CLOSED, ids=lambda path: path.stem)

Edge = tuple[str, str, int]


@values_files
def test_policies_are_exactly_the_declared_edges(chart: Chart, values: Path) -> None:
    policies = of_kind(chart.objects(values), "NetworkPolicy")
    peers = merged_values(values)["networkPolicy"]["peers"]
    assert allowed_to_call(policies, peers) == declared(policies, merged_values(values), side="from")
    assert allowed_to_be_called(policies, peers) == declared(policies, merged_values(values), side="to")


@values_files
def test_all_else_is_refused_in_the_whole_namespace(chart: Chart, values: Path) -> None:
    (deny,) = [
        one for one in of_kind(chart.objects(values), "NetworkPolicy") if component(one) == "default-deny"
    ]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@values_files
def test_every_pod_has_a_policy(chart: Chart, values: Path) -> None:
    objects = chart.objects(values)
    covered = {component(one) for one in of_kind(objects, "NetworkPolicy")}
    assert {component(one) for one in of_kind(objects, "Deployment", "Job")} <= covered
    assert len(list(pods(objects))) > 5


@values_files
def test_an_open_peer_is_never_written_as_an_empty_one(chart: Chart, values: Path) -> None:
    """An empty `from` or `to`, or a peer without a selector, would mean everybody."""
    for one in of_kind(chart.objects(values), "NetworkPolicy"):
        for rule in [*one["spec"].get("ingress", []), *one["spec"].get("egress", [])]:
            sides = rule.get("from", rule.get("to"))
            assert sides, component(one)
            assert all(peer and all(peer.values()) for peer in sides), component(one)
            assert rule["ports"], component(one)


def test_each_edge_says_why() -> None:
    assert [edge for edge in EDGES if not edge.get("why")] == []
    assert len({(edge["from"], edge["to"]) for edge in EDGES}) == len(EDGES)


def test_the_scoring_path_calls_nothing_but_the_log_and_the_ledger() -> None:
    """DESIGN: neither gateway nor scorer waits on a service, but for one look-up in the ledger."""
    called = {edge["to"] for edge in EDGES if edge["from"] == "gateway"}
    assert called == {"kafka", "ledger"}
    assert {edge["to"] for edge in EDGES if edge["from"] == "scorer-sync"} == {
        edge["to"] for edge in EDGES if edge["from"] == "scorer-batch"
    }


def merged_values(path: Path) -> dict[str, Any]:
    def merge(below: Any, above: Any) -> Any:
        if not (isinstance(below, dict) and isinstance(above, dict)):
            return above
        return {**below, **{key: merge(below.get(key), value) for key, value in above.items()}}

    merged: dict[str, Any] = merge(
        yaml.safe_load((CHART / "values.yaml").read_text()), yaml.safe_load(path.read_text())
    )
    return merged


def declared(policies: list[Object], values: dict[str, Any], *, side: str) -> set[Edge]:
    """The file's edges between what is switched on, as (from, to, port), seen from one end's policies."""
    on = {component(one) for one in policies} - {"default-deny"}
    peers = values["networkPolicy"]["peers"]
    open_peers = {name for name, peer in peers.items() if peer["who"]}
    found = set()
    for edge in EDGES:
        if "when" in edge and not reduce(lambda at, key: at[key], edge["when"].split("."), values):
            continue
        starts = on if edge["from"] == "*" else {edge["from"]}
        for start in starts:
            ends = (start, edge["to"])
            if all(end in on | open_peers for end in ends) and ends[side == "to"] in on:
                found |= {(*ends, port) for port in ports_of(edge["to"], peers)}
    return found


PORTS = {"gateway": 8000, "features": 8001, "scorer-sync": 8002, "scorer-batch": 8003, "ledger": 8004}
PORTS |= {"archive": 8005, "lag-exporter": 8006, "mlflow": 5000}


def ports_of(end: str, peers: dict[str, Any]) -> list[int]:
    return [port["port"] for port in peers[end]["ports"]] if end in peers else [PORTS[end]]


def allowed_to_call(policies: list[Object], peers: dict[str, Any]) -> set[Edge]:
    return {
        (component(one), named(rule["to"], peers), port["port"])
        for one in policies
        for rule in one["spec"].get("egress", [])
        for port in rule["ports"]
    }


def allowed_to_be_called(policies: list[Object], peers: dict[str, Any]) -> set[Edge]:
    return {
        (named(rule["from"], peers), component(one), port["port"])
        for one in policies
        for rule in one["spec"].get("ingress", [])
        for port in rule["ports"]
    }


def named(sides: list[Object], peers: dict[str, Any]) -> str:
    """The component or the declared peer that a rule's `from` or `to` selects."""
    return next(iter(names_of(sides, peers)))


def names_of(sides: list[Object], peers: dict[str, Any]) -> Iterator[str]:
    for name, peer in peers.items():
        if peer["who"] == sides:
            yield name
    (only,) = sides
    labels = only["podSelector"]["matchLabels"]
    assert labels["app.kubernetes.io/instance"] == "scorestream"
    assert set(only) == {"podSelector"}
    yield labels["app.kubernetes.io/component"]
