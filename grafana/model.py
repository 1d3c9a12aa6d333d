"""Model: which version decides, what it decides and why, and from what."""

from __future__ import annotations

from grafana.panels import Dashboard, Panel, Query, Row
from grafana.queries import mean, per_second

_DECIDED = "scorestream_scorer_applications_decided_total"

MODEL = Dashboard(
    "scorestream-model",
    "scorestream: Model",
    "Which version decides, what it decides and why, and how old the history is that it decides from.",
    (
        Row(
            "Versions",
            (
                Panel(
                    title="Promoted",
                    description="The version that was promoted last, as the gateways have heard.",
                    unit="none",
                    kind="table",
                    queries=(Query("max by (name, version) (scorestream_gateway_model_info)"),),
                ),
                Panel(
                    title="In use",
                    description=(
                        "Workers by the version that they decide with. Two rows for one lane are a mismatch."
                    ),
                    unit="short",
                    kind="table",
                    queries=(
                        Query("count by (lane, name, version, digest) (scorestream_scorer_model_info)"),
                    ),
                ),
                Panel(
                    title="Refused promotions",
                    description=(
                        "Workers for whom the newest promotion is not what decides; its reason is a label. "
                        "0 in order."
                    ),
                    unit="short",
                    worry_from=1,
                    queries=(
                        Query(
                            "count by (version, reason) (scorestream_scorer_bundle_refused_info) "
                            "or vector(0)",
                            "{{version}} {{reason}}",
                        ),
                    ),
                ),
                Panel(
                    title="Since the promotion",
                    description="How long ago the version in Production was promoted.",
                    unit="s",
                    kind="stat",
                    queries=(Query("time() - max(scorestream_gateway_model_promoted_timestamp_seconds)"),),
                ),
            ),
        ),
        Row(
            "What is decided",
            (
                Panel(
                    title="Approval rate",
                    description=(
                        "Share of the decisions of the last hour that are approvals, against the last day. "
                        "A jump is a new model, other applicants, or a fault."
                    ),
                    unit="percentunit",
                    queries=(
                        Query("scorestream:approvals:ratio_rate1h", "{{lane}}, an hour"),
                        Query("scorestream:approvals:ratio_rate1d", "{{lane}}, a day"),
                    ),
                ),
                Panel(
                    title="Decisions",
                    description="Per second, by decision, both lanes.",
                    unit="cps",
                    is_stacked=True,
                    queries=(Query(per_second(_DECIDED, "decision"), "{{decision}}"),),
                ),
                Panel(
                    title="Decisions of a day",
                    description="All of the last 24 hours, by decision.",
                    unit="short",
                    kind="stat",
                    queries=(Query(f"sum by (decision) (increase({_DECIDED}[1d]))", "{{decision}}"),),
                ),
            ),
        ),
        Row(
            "Scores",
            (
                Panel(
                    title="Score distribution",
                    description=(
                        "Decided applications by points; the darker, the more. More points are safer."
                    ),
                    unit="short",
                    kind="heatmap",
                    queries=(Query(per_second("scorestream_scorer_score_points_bucket", "le"), "{{le}}"),),
                ),
                Panel(
                    title="Probability of default, distribution",
                    description="Decided applications by probability of default; the cut-off is near 1/11.",
                    unit="percentunit",
                    kind="heatmap",
                    queries=(
                        Query(
                            per_second("scorestream_scorer_probability_of_default_ratio_bucket", "le"),
                            "{{le}}",
                        ),
                    ),
                ),
                Panel(
                    title="Means",
                    description="Mean probability of default, by lane. It should move slowly.",
                    unit="percentunit",
                    queries=(
                        Query(mean("scorestream_scorer_probability_of_default_ratio", "lane"), "{{lane}}"),
                    ),
                ),
            ),
        ),
        Row(
            "Reasons and inputs",
            (
                Panel(
                    title="Reasons given",
                    description="The ten that applicants are told most, per minute.",
                    unit="cpm",
                    queries=(
                        Query(
                            "topk(10, 60 * "
                            + per_second("scorestream_scorer_reasons_given_total", "code")
                            + ")",
                            "{{code}}",
                        ),
                    ),
                ),
                Panel(
                    title="Unknown categories",
                    description=(
                        "Values that the contract does not know, per minute, by field; they are scored as "
                        "missing."
                    ),
                    unit="cpm",
                    queries=(
                        Query(
                            "60 * ("
                            + per_second("scorestream_scorer_unseen_categories_total", "field")
                            + ") or vector(0)",
                            "{{field}}",
                        ),
                    ),
                ),
                Panel(
                    title="Deciding a micro-batch",
                    description=(
                        "Features, model, policy and reasons, mean. A model with more trees is seen here "
                        "first."
                    ),
                    unit="s",
                    queries=(Query(mean("scorestream_scorer_deciding_seconds", "lane"), "{{lane}}"),),
                ),
                Panel(
                    title="Bundles not taken",
                    description=(
                        "In the last hour, by reason; what each means is in the runbook BundleRefused."
                    ),
                    unit="short",
                    worry_from=1,
                    queries=(
                        Query(
                            "sum by (reason) (increase(scorestream_scorer_bundles_refused_total[1h])) > 0 "
                            "or vector(0)",
                            "{{reason}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "History",
            (
                Panel(
                    title="Age of the history",
                    description="Since when the snapshot that decisions are made from knows nothing new.",
                    unit="s",
                    worry_from=3 * 86_400,
                    queries=(
                        Query(
                            "time() - min(scorestream_scorer_snapshot_as_of_timestamp_seconds != 0)",
                            "scorers",
                        ),
                        Query(
                            "time() - max(scorestream_features_snapshot_as_of_timestamp_seconds)",
                            "feature service",
                        ),
                    ),
                ),
                Panel(
                    title="Snapshots in use",
                    description=(
                        "Workers by the snapshot that they map. Two rows for one lane are a mismatch."
                    ),
                    unit="short",
                    kind="table",
                    queries=(Query("count by (lane, id) (scorestream_scorer_snapshot_info)"),),
                ),
                Panel(
                    title="Decided without history",
                    description=(
                        "Share of the applications whose applicant is in no snapshot. A rise means an old "
                        "one."
                    ),
                    unit="percentunit",
                    queries=(
                        Query(
                            per_second("scorestream_scorer_applicants_not_found_total", "lane")
                            + " / "
                            + per_second(_DECIDED, "lane"),
                            "{{lane}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Snapshots",
            (
                Panel(
                    title="Applicants in the served snapshot",
                    description="Of the feature service. A fall means that a source file was not whole.",
                    unit="short",
                    queries=(
                        Query("max by (id) (scorestream_features_snapshot_info)", "is served: {{id}}"),
                        Query("max(scorestream_features_snapshot_applicants)", "applicants"),
                    ),
                ),
                Panel(
                    title="Snapshots not taken",
                    description="In the last hour: by scorers, by reason, and by the feature service.",
                    unit="short",
                    worry_from=1,
                    queries=(
                        Query(
                            "sum by (reason) (increase(scorestream_scorer_snapshots_refused_total[1h]))",
                            "scorers: {{reason}}",
                        ),
                        Query(
                            "sum(increase(scorestream_features_snapshots_not_served_total[1h]))",
                            "feature service",
                        ),
                    ),
                ),
                Panel(
                    title="Snapshot swaps",
                    description=(
                        "Times in an hour that a newer snapshot took the place of the one before, all "
                        "workers."
                    ),
                    unit="short",
                    queries=(
                        Query(
                            "sum by (lane) (increase(scorestream_scorer_snapshot_swaps_total[1h]))",
                            "{{lane}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
