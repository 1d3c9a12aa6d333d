"""Objective: 99.9 % of answers within 200 ms, what is left of the budget, and who is being told."""

from __future__ import annotations

from grafana.panels import Dashboard, Panel, Query, Row

_ANSWERING = "scorestream_gateway_answering_seconds"
_OURS = 'status=~"200|202|410|429|5.."'
_BUDGET = 0.001
_WINDOWS = ("5m", "1h", "6h", "3d")

OBJECTIVE = Dashboard(
    "scorestream-objective",
    "scorestream: Objective",
    "Of all answers that are ours to give, 99.9 % are a decision within 200 ms, over 30 days.",
    (
        Row(
            "The promise",
            (
                Panel(
                    title="Error budget left",
                    description="Of the 0.1 % that may miss in 30 days. Below 0 the promise is broken.",
                    unit="percentunit",
                    kind="stat",
                    queries=(Query("scorestream:objective_budget_left:ratio_30d"),),
                ),
                Panel(
                    title="Within 200 ms, one hour",
                    description="Share of the answers that are a decision within 200 ms.",
                    unit="percentunit",
                    kind="stat",
                    queries=(Query("1 - scorestream:objective_misses:ratio_rate1h"),),
                ),
                Panel(
                    title="Alerts that fire",
                    description="Which they are is in the table below, and at Alertmanager.",
                    unit="short",
                    kind="stat",
                    worry_from=1,
                    queries=(Query('count(ALERTS{alertstate="firing"}) or vector(0)'),),
                ),
            ),
        ),
        Row(
            "Burning",
            (
                Panel(
                    title="Burn rate",
                    description=(
                        "Misses against what may miss: at 1 the budget lasts exactly 30 days. Somebody is "
                        "paged from 14.4 over an hour, or 6 over six hours."
                    ),
                    unit="short",
                    worry_from=14.4,
                    queries=tuple(
                        Query(f"scorestream:objective_misses:ratio_rate{window} / {_BUDGET}", window)
                        for window in _WINDOWS
                    ),
                ),
                Panel(
                    title="Why answers miss",
                    description=(
                        "Share of the answers that are late (202, or a 200 after more than 200 ms), fail "
                        "(5xx), or find no room (429)."
                    ),
                    unit="percentunit",
                    is_stacked=True,
                    queries=(
                        Query(
                            f'sum(rate({_ANSWERING}_count{{status="202"}}[5m])) '
                            f"/ sum(rate({_ANSWERING}_count{{{_OURS}}}[5m]))",
                            "202",
                        ),
                        Query(
                            f'(sum(rate({_ANSWERING}_count{{status="200"}}[5m])) '
                            f'- sum(rate({_ANSWERING}_bucket{{status="200", le="0.2"}}[5m]))) '
                            f"/ sum(rate({_ANSWERING}_count{{{_OURS}}}[5m]))",
                            "late 200",
                        ),
                        Query(
                            f'sum(rate({_ANSWERING}_count{{status=~"5.."}}[5m])) '
                            f"/ sum(rate({_ANSWERING}_count{{{_OURS}}}[5m]))",
                            "5xx",
                        ),
                        Query(
                            f'sum(rate({_ANSWERING}_count{{status="429"}}[5m])) '
                            f"/ sum(rate({_ANSWERING}_count{{{_OURS}}}[5m]))",
                            "429",
                        ),
                    ),
                ),
                Panel(
                    title="p99",
                    description="One answer in a hundred takes longer, of those that are ours.",
                    unit="s",
                    worry_from=0.2,
                    queries=(Query("scorestream:gateway_answering_seconds:p99_rate5m", "p99"),),
                ),
            ),
        ),
        Row(
            "Alerts",
            (
                Panel(
                    title="Firing or about to",
                    description=(
                        "pending: true, but not for long enough yet. The runbook has the alert's name."
                    ),
                    unit="none",
                    kind="table",
                    queries=(Query("max by (alertname, severity, area, alertstate) (ALERTS) or vector(0)"),),
                ),
                Panel(
                    title="Messages that Alertmanager could not deliver",
                    description="In five minutes, by way. None in order.",
                    unit="short",
                    worry_from=1,
                    queries=(
                        Query(
                            "sum by (integration) (increase(alertmanager_notifications_failed_total[5m])) "
                            "or vector(0)",
                            "{{integration}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
