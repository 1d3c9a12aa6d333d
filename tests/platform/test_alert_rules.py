"""Recording rules and alerts, judged by promtool: valid, and each fires when it must and only then."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.prometheus.catalogue import processes
from tests.platform.alert_cases import CASES
from tests.platform.alert_series import Case, Series
from tests.platform.prometheus_tools import RULES, run

RULE_FILES = sorted((RULES / "rules").glob("*.yml"))
GROUPS = [group for file in RULE_FILES for group in yaml.safe_load(file.read_text())["groups"]]
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule
}
each_alert = pytest.mark.parametrize("name", ALERTS)


def test_prometheus_takes_its_configuration_and_every_rule() -> None:
    run("promtool", "check", "config", "prometheus.yml")


def test_every_alert_has_a_case_for_firing_and_one_for_a_near_miss() -> None:
    assert {case.alert for case in CASES} == set(ALERTS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert} {case.why}".strip())
def test_an_alert_fires_when_it_must_and_not_when_it_nearly_should(case: Case, tmp_path: Path) -> None:
    test_file = tmp_path / "alerts.json"  # JSON is YAML
    test_file.write_text(
        json.dumps(
            {
                "rule_files": [str(RULES / "rules" / "recording.yml"), str(_file_of(case.alert))],
                "evaluation_interval": "1m",
                "tests": [
                    _group(case, case.fires, does_fire=True),
                    _group(case, case.silent, does_fire=False),
                ],
            }
        )
    )
    run("promtool", "test", "rules", str(test_file))


def test_a_process_that_is_down_is_one_of_ours_and_any_of_ours() -> None:
    (jobs,) = re.findall(r'job=~"([^"]*)"', ALERTS["ProcessDown"]["expr"])
    assert set(jobs.split("|")) == {process.job for process in processes()}


@each_alert
def test_an_alert_says_what_is_wrong_what_it_means_and_what_to_do_first(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"].keys() == {"severity", "area"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "impact", "action", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"


def test_a_message_names_what_it_is_about(tmp_path: Path) -> None:
    """The templates of the annotations, rendered by Prometheus for one alert."""
    rendered = {
        "summary": "credit-risk version 8 is refused: golden-mismatch.",
        **{key: ALERTS["BundleRefused"]["annotations"][key] for key in ("impact", "action", "runbook_url")},
    }
    labels = {"name": "credit-risk", "version": "8", "reason": "golden-mismatch"}
    series = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    test_file = tmp_path / "message.json"
    test_file.write_text(
        json.dumps(
            {
                "rule_files": [str(file) for file in RULE_FILES],
                "tests": [
                    {
                        "interval": "1m",
                        "input_series": [
                            {"series": f"scorestream_scorer_bundle_refused_info{{{series}}}", "values": "1x5"}
                        ],
                        "alert_rule_test": [
                            {
                                "eval_time": "3m",
                                "alertname": "BundleRefused",
                                "exp_alerts": [
                                    {
                                        "exp_labels": {**labels, "severity": "page", "area": "model"},
                                        "exp_annotations": rendered,
                                    }
                                ],
                            }
                        ],
                    }
                ],
            }
        )
    )
    run("promtool", "test", "rules", str(test_file))


def test_every_template_in_an_annotation_uses_a_label_that_the_alert_can_have() -> None:
    for name, rule in ALERTS.items():
        aggregated = re.search(r"\b(?:sum|max|count) by \(([^)]*)\)", rule["expr"])
        used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        if aggregated is not None and rule["expr"].startswith(("max by", "count by", "sum by")):
            kept = {label.strip() for label in aggregated.group(1).split(",")}
            assert used <= kept, name


def _file_of(alert: str) -> Path:
    return next(file for file in RULE_FILES if f"alert: {alert}\n" in file.read_text())


def _group(case: Case, series: Series, *, does_fire: bool) -> dict[str, Any]:
    firing = f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"}})'
    return {
        "name": f"{case.alert} {'fires' if does_fire else 'does not fire'}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": f"{case.at_minutes}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if does_fire else [],
            }
        ],
    }
