"""A dashboard in few words, and the JSON that Grafana makes of it. Pure.

A row of panels fills the 24 columns of Grafana's grid. Every panel has a unit and says what it shows and
when to worry; the data source is the variable `source`, so that the same file serves every installation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

_GRID_COLUMNS: Final = 24
_SCHEMA: Final = 39
_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
_SLOWEST_STEP: Final = "15s"

#: Where the links of every dashboard lead: a variable, what it is called, where it is on one machine.
_LINKS: Final = (
    ("mlflow", "MLflow", "http://127.0.0.1:5000"),
    ("airflow", "Airflow", "http://127.0.0.1:8080"),
    ("drift_report", "Drift report", "http://127.0.0.1:5000/#/experiments?searchFilter=drift"),
    ("alertmanager", "Alertmanager", "http://127.0.0.1:9093"),
)


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and how its series are called; `{{label}}` is filled in by Grafana."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture. `unit` is Grafana's name for it; `worry_from` draws a red line."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    is_stacked: bool = False
    worry_from: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side, under a title."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of rows."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of its panels, in order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def rendered(dashboard: Dashboard) -> dict[str, Any]:
    """What Grafana reads."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["scorestream"],
        "schemaVersion": _SCHEMA,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": list(_variables())},
        "links": list(_links()),
        "panels": list(_placed(dashboard.rows)),
    }


def _variables() -> Iterator[dict[str, Any]]:
    yield {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus", "current": {}}
    for name, label, address in _LINKS:
        yield {"name": name, "label": label, "type": "constant", "hide": 2, "query": address}


def _links() -> Iterator[dict[str, Any]]:
    yield {"title": "Dashboards", "type": "dashboards", "tags": ["scorestream"], "asDropdown": True}
    for name, label, _ in _LINKS:
        yield {"title": label, "type": "link", "url": f"${{{name}}}", "targetBlank": True}


def _placed(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    number, y = 1, 0
    for row in rows:
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": _GRID_COLUMNS, "h": 1},
            "panels": [],
        }
        number, y = number + 1, y + 1
        width = _GRID_COLUMNS // len(row.panels)
        height = max(_height(panel) for panel in row.panels)
        for column, panel in enumerate(row.panels):
            yield _panel(panel, number, {"x": column * width, "y": y, "w": width, "h": height})
            number += 1
        y += height


def _height(panel: Panel) -> int:
    return 4 if panel.kind == "stat" else 8


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    is_instant = panel.kind in {"stat", "table"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": place,
        "interval": _SLOWEST_STEP,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": is_instant,
                "range": not is_instant,
                "format": {"table": "table", "heatmap": "heatmap"}.get(panel.kind, "time_series"),
            }
            for index, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.worry_from is not None:
        steps.append({"color": "red", "value": panel.worry_from})
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "fillOpacity": 30 if panel.is_stacked else 5,
            "stacking": {"mode": "normal" if panel.is_stacked else "none"},
            "thresholdsStyle": {"mode": "off" if panel.worry_from is None else "line"},
        }
        defaults["min"] = 0
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "timeseries":
        return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "auto", "colorMode": "value"}
    if panel.kind == "heatmap":
        return {"calculate": False, "yAxis": {"unit": panel.unit}, "color": {"scheme": "Blues"}}
    return {"showHeader": True}
