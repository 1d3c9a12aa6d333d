"""Metrics: the page, the code, the rules and the dashboards speak of the same ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.prometheus.catalogue import PROCESS_METRICS, Metric, processes, series
from infra.prometheus.documentation import PAGE, main, page
from infra.prometheus.expressions import metric_names

ROOT = Path(__file__).resolve().parents[2]
METRICS = [metric for process in processes() for metric in process.metrics()]
each_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)

RULES: list[dict[str, Any]] = [
    rule
    for file in sorted((ROOT / "infra" / "prometheus" / "rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
RECORDED = frozenset(rule["record"] for rule in RULES if "record" in rule)
#: What a label may be called: each has few values, or as many as the installation has of the thing.
LABELS = {
    *("status", "lane", "decision", "reason", "kind", "name", "version", "digest", "field", "code"),
    *("partition", "topic", "group", "route", "id", "model", "verdict", "figure", "feature"),
}


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
    assert main(["--check"]) == 0


def test_every_metric_of_every_process_is_on_the_page_once_a_process() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", page(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(metric.name for metric in (*METRICS, *PROCESS_METRICS))
    assert len(set(listed)) == len(listed)


@each_metric
def test_a_name_is_ours_and_says_its_unit(metric: Metric) -> None:
    assert re.fullmatch(r"scorestream_[a-z0-9_]+[a-z0-9]", metric.name)
    assert metric.unit
    assert (metric.kind == "counter") == metric.name.endswith("_total")


@each_metric
def test_a_metric_says_what_it_means_in_a_sentence(metric: Metric) -> None:
    assert metric.meaning.endswith(".")
    assert len(metric.meaning) > 10


@each_metric
def test_labels_are_of_the_kinds_that_stay_few(metric: Metric) -> None:
    assert set(metric.labels) <= LABELS


@each_metric
def test_a_histogram_of_seconds_can_say_how_many_were_within_the_promise(metric: Metric) -> None:
    if metric.kind == "histogram" and metric.unit == "seconds":
        assert 0.2 in metric.buckets


def asked() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule.get("alert") or rule["record"], rule["expr"]
    for file in sorted((ROOT / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield f"{file.stem}: {panel['title']}", target["expr"]


ASKED = list(asked())


@pytest.mark.parametrize(
    ("where", "query"), ASKED, ids=[f"{where}-{n}" for n, (where, _) in enumerate(ASKED)]
)
def test_a_rule_or_panel_asks_only_for_what_there_is(where: str, query: str) -> None:
    names = metric_names(query)
    assert names - series() - RECORDED == set()
    assert names


def test_every_recorded_rule_is_asked_for() -> None:
    used = {name for _, query in ASKED for name in metric_names(query)}
    assert RECORDED - used == set()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('sum by (lane) (rate(a_total{b="c"}[5m])) / on (x) d:e:f offset 1h', {"a_total", "d:e:f"}),
        ('absent(up{job="gateway"} == 1) or time() - g > 3 * 86400', {"up", "g"}),
        ("histogram_quantile(0.99, sum by (le) (rate(h_bucket[$__rate_interval])))", {"h_bucket"}),
    ],
)
def test_names_are_found_in_a_query(query: str, names: set[str]) -> None:
    assert metric_names(query) == names
