"""Drift: whether applicants, scores and outcomes are those of training, and whether the archive keeps up."""

from __future__ import annotations

from grafana.panels import Dashboard, Panel, Query, Row
from grafana.queries import per_second, quantile


def _figures(*names: tuple[str, str]) -> tuple[Query, ...]:
    """Figures of the newest report, each with its legend."""
    return tuple(
        Query(f'max by (model) (scorestream_drift_figure{{figure="{name}"}})', f"{{{{model}}}} {legend}")
        for name, legend in names
    )


DRIFT = Dashboard(
    "scorestream-drift",
    "scorestream: Drift",
    "Whether applicants, scores and outcomes are those of training, as the newest drift report found them.",
    (
        Row(
            "The newest report",
            (
                Panel(
                    title="Verdict",
                    description=(
                        "drift, no drift, or not enough: with too few applications nothing can be said."
                    ),
                    unit="none",
                    kind="table",
                    queries=(Query("max by (model, verdict) (scorestream_drift_verdict) == 1"),),
                ),
                Panel(
                    title="Verdict on performance",
                    description=(
                        "On matured outcomes of the version in Production alone; it needs 200 with 20 "
                        "defaults."
                    ),
                    unit="none",
                    kind="table",
                    queries=(Query("max by (model, verdict) (scorestream_drift_performance_verdict) == 1"),),
                ),
                Panel(
                    title="Since the report",
                    description=(
                        "Drift is looked for every day. After two days without a report somebody is told."
                    ),
                    unit="s",
                    kind="stat",
                    worry_from=2 * 86_400,
                    queries=(
                        Query(
                            "time() - max by (model) (scorestream_drift_reported_timestamp_seconds)",
                            "{{model}}",
                        ),
                    ),
                ),
                Panel(
                    title="Applications looked at",
                    description="In the report's period. Below 500 a shift would not be found.",
                    unit="short",
                    kind="stat",
                    queries=(Query("max by (model) (scorestream_drift_applications)", "{{model}}"),),
                ),
            ),
        ),
        Row(
            "Applicants and scores",
            (
                Panel(
                    title="Features that moved",
                    description="Share of them, and weighted by what each means to the model.",
                    unit="percentunit",
                    worry_from=0.1,
                    queries=(
                        Query("max by (model) (scorestream_drift_features_ratio)", "{{model}} share"),
                        *_figures(("weighted_share_drifted", "weighted")),
                    ),
                ),
                Panel(
                    title="Features that moved most",
                    description="Population stability index of the ten highest. Above 0.2 is much.",
                    unit="short",
                    queries=(
                        Query("topk(10, max by (feature) (scorestream_drift_feature_psi))", "{{feature}}"),
                    ),
                ),
                Panel(
                    title="Score",
                    description="Population stability index of the score against that of training.",
                    unit="short",
                    worry_from=0.2,
                    queries=_figures(("score_psi", "PSI")),
                ),
                Panel(
                    title="Approval rate then and now",
                    description="Of the reference and of the report's period. Ten points apart is drift.",
                    unit="percentunit",
                    queries=_figures(("approval_rate_before", "training"), ("approval_rate", "now")),
                ),
            ),
        ),
        Row(
            "Outcomes",
            (
                Panel(
                    title="AUC then and now",
                    description=(
                        "On matured outcomes of the like: what was approved and its performance window is "
                        "over."
                    ),
                    unit="short",
                    queries=_figures(("auc_before", "training"), ("auc", "now")),
                ),
                Panel(
                    title="Defaulted and expected",
                    description=(
                        "Share of the matured that defaulted, what the model expected, and that of training."
                    ),
                    unit="percentunit",
                    queries=_figures(
                        ("bad_rate", "now"),
                        ("bad_rate_expected", "expected"),
                        ("bad_rate_before", "training"),
                    ),
                ),
                Panel(
                    title="Cost of an applicant",
                    description=(
                        "10 for a default that was approved, 1 for a good one that was not, by applicant."
                    ),
                    unit="short",
                    queries=_figures(
                        ("cost_per_applicant_before", "training"), ("cost_per_applicant", "now")
                    ),
                ),
                Panel(
                    title="Outcomes that arrive",
                    description="By HTTP, per second.",
                    unit="cps",
                    queries=(Query(per_second("scorestream_gateway_outcomes_total", "job"), "gateway"),),
                ),
            ),
        ),
        Row(
            "Archive",
            (
                Panel(
                    title="Archived",
                    description="Records per second that are in a file, by topic.",
                    unit="cps",
                    queries=(Query(per_second("scorestream_archive_records_total", "topic"), "{{topic}}"),),
                ),
                Panel(
                    title="Oldest record without a file",
                    description="It waits for its file to be full or old enough.",
                    unit="s",
                    worry_from=1_800,
                    queries=(Query("max(scorestream_archive_oldest_waiting_seconds)", "oldest"),),
                ),
                Panel(
                    title="Behind the log",
                    description="Records that are not in a file yet, by topic.",
                    unit="short",
                    queries=(Query("max by (topic) (scorestream_archive_lag_records)", "{{topic}}"),),
                ),
                Panel(
                    title="Lost to retention, unreadable",
                    description=(
                        "Records removed before they were archived, and records that hold no event. 0 in "
                        "order."
                    ),
                    unit="short",
                    worry_from=1,
                    queries=(
                        Query("sum(scorestream_archive_missed_records)", "lost"),
                        Query("sum(scorestream_archive_unreadable_records_total)", "unreadable"),
                    ),
                ),
                Panel(
                    title="Writing a file, p99",
                    description="Made and stored. A slow store is seen here.",
                    unit="s",
                    queries=(Query(quantile(0.99, "scorestream_archive_writing_seconds"), "p99"),),
                ),
            ),
        ),
    ),
)
