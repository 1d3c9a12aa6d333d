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
def test_all_else_is_refused_in_the_whole_namespace_or_to_all_pods_of_ours(
    chart: Chart, values: Path
) -> None:
    (deny,) = [
        one for one in of_kind(chart.objects(values), "NetworkPolicy") if component(one) == "default-deny"
    ]
    everybody = merged_values(values)["networkPolicy"]["wholeNamespace"]
    ours = {"matchLabels": {"app.kubernetes.io/instance": "scorestream"}}
    assert deny["spec"] == {"podSelector": {} if everybody else ours, "policyTypes": ["Ingress", "Egress"]}


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


def test_an_mlflow_of_somebody_else_is_reached_by_whoever_needs_models(chart: Chart) -> None:
    """Without a pod of that name its edges were left out, and every pod that fetches a model hung."""
    (values,) = [path for path in ALL_VALUES if path.stem == "elsewhere"]
    policies = of_kind(chart.objects(values), "NetworkPolicy")
    peers = merged_values(values)["networkPolicy"]["peers"]
    callers = {
        start for start, end, port in allowed_to_call(policies, peers) if (end, port) == ("mlflow", 443)
    }
    assert callers == {"scorer-sync", "scorer-batch", "training"}


@pytest.mark.parametrize(
    "values", [path for path in CLOSED if path.stem in {"staging", "production"}], ids=lambda path: path.stem
)
def test_an_authority_reaches_the_pods_that_prove_the_host_is_ours(chart: Chart, values: Path) -> None:
    """Certificates by HTTP-01 were never issued: cert-manager's pods were closed in with all others."""
    policies = of_kind(chart.objects(values), "NetworkPolicy")
    (solver,) = [one for one in policies if component(one) == "acme-solver"]
    assert solver["spec"]["podSelector"] == {"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}
    (rule,) = solver["spec"]["ingress"]
    assert rule["from"] == merged_values(values)["networkPolicy"]["peers"]["ingress"]["who"]
    assert [port["port"] for port in rule["ports"]] == [8089]


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
    ours = on - {"acme-solver"}
    peers = values["networkPolicy"]["peers"]
    open_peers = {name for name, peer in peers.items() if peer["who"]}
    found = set()
    for edge in EDGES:
        if "when" in edge and not reduce(lambda at, key: at[key], edge["when"].split("."), values):
            continue
        starts = ours if edge["from"] == "*" else {edge["from"]}
        for start in starts:
            ends = (start, edge["to"])
            if all(end in on | open_peers for end in ends) and ends[side == "to"] in on:
                found |= {(*ends, port) for port in ports_of(edge["to"], on, peers)}
    return found


PORTS = {"gateway": 8000, "features": 8001, "scorer-sync": 8002, "scorer-batch": 8003, "ledger": 8004}
PORTS |= {"archive": 8005, "lag-exporter": 8006, "mlflow": 5000}
#: cert-manager's, not ours.
PORTS |= {"acme-solver": 8089}


def ports_of(end: str, on: set[str], peers: dict[str, Any]) -> list[int]:
    return [PORTS[end]] if end in on else [port["port"] for port in peers[end]["ports"]]


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
