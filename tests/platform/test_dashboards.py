"""The dashboards: what is committed is what the code says, panels explain themselves, queries are PromQL.

No Grafana server is needed; the JSON is held to the shape that Grafana documents.
"""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.__main__ import DASHBOARDS, FOLDER, files, main, stale, write
from grafana.panels import Dashboard, Panel, rendered
from tests.platform.prometheus_tools import run

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.uid)
PANELS = [
    pytest.param(panel, id=f"{dashboard.uid}: {panel.title}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
]
each_panel = pytest.mark.parametrize("panel", PANELS)
#: Grafana's own names of units that our panels use, and of the panels themselves.
UNITS = {"s", "bytes", "short", "percentunit", "reqps", "cps", "cpm", "none", "bool_on_off"}
KINDS = {"timeseries", "stat", "table", "heatmap"}


def test_what_is_committed_is_what_the_code_says() -> None:
    assert stale() == []
    assert main(["--check"]) == 0


def test_a_left_over_file_is_stale_and_goes_when_they_are_written(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "old.json").write_text("{}")
    assert stale(tmp_path) == [tmp_path / "old.json"]
    write(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in FOLDER.glob("*.json")}


@each_panel
def test_a_panel_has_a_unit_and_says_what_it_shows(panel: Panel) -> None:
    assert panel.unit in UNITS
    assert panel.kind in KINDS
    assert panel.description.endswith(".")
    assert panel.queries
    assert len(panel.queries) == 1 or all(query.legend for query in panel.queries)


@each_dashboard
def test_panels_have_names_and_places_of_their_own(dashboard: Dashboard) -> None:
    panels = rendered(dashboard)["panels"]
    for key in ("id", "title"):
        assert len({panel[key] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_below
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


@each_dashboard
def test_links_lead_to_mlflow_airflow_and_the_drift_report_by_variables(dashboard: Dashboard) -> None:
    made = rendered(dashboard)
    variables = {variable["name"]: variable for variable in made["templating"]["list"]}
    links = {link["title"]: link for link in made["links"]}
    assert {"MLflow", "Airflow", "Drift report", "Alertmanager"} <= links.keys()
    for link in links.values():
        for name in re.findall(r"\$\{(\w+)\}", link.get("url", "")):
            assert variables[name]["query"].startswith("http://127.0.0.1:")


@each_dashboard
def test_every_source_is_the_variable_so_that_a_dashboard_fits_any_installation(dashboard: Dashboard) -> None:
    sources: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "datasource" in node:
                sources.add(node["datasource"]["uid"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(rendered(dashboard))
    assert sources == {"${source}"}


def test_every_query_is_promql(tmp_path: Path) -> None:
    rules = [
        {"record": "panel:query", "labels": {"n": str(number)}, "expr": runnable(query.expr)}
        for number, query in enumerate(q for d in DASHBOARDS for panel in d.panels for q in panel.queries)
    ]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", str(file))


def test_provisioning_names_the_folder_and_the_source_by_variables() -> None:
    provisioning = FOLDER.parent / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "scorestream.yml").read_text())["providers"]
    assert (source["type"], source["url"]) == ("prometheus", "${PROMETHEUS_URL}")
    assert provider["options"]["path"] == "${SCORESTREAM_DASHBOARDS}"
    assert all(file.parent == FOLDER for file in files())


def runnable(query: str) -> str:
    """The query as Grafana would send it."""
    return query.replace("$__rate_interval", "1m")
