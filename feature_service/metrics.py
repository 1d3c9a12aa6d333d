"""What the feature service says of itself to Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from infra.runtime.metrics import REQUEST_SECONDS, process_registry


class FeatureMetrics:
    """The metrics of one process, in a registry of their own so that tests can have several."""

    def __init__(self) -> None:
        self.registry = process_registry()
        self.answers = Counter(
            "scorestream_features_answers",
            "Answers by route and HTTP status.",
            ["route", "status"],
            registry=self.registry,
        )
        self.answering = Histogram(
            "scorestream_features_answering_seconds",
            "From a request's arrival to its answer.",
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self.snapshot = Gauge(
            "scorestream_features_snapshot_info",
            "1 for the snapshot that is served.",
            ["id"],
            registry=self.registry,
        )
        self.applicants = Gauge(
            "scorestream_features_snapshot_applicants",
            "Applicants in the snapshot that is served.",
            registry=self.registry,
        )
        self.as_of = Gauge(
            "scorestream_features_snapshot_as_of_timestamp_seconds",
            "Up to when the served snapshot's history goes, Unix time.",
            registry=self.registry,
        )
        self.not_served = Counter(
            "scorestream_features_snapshots_not_served",
            "Tries at the store's newest snapshot that failed; the older one is served on.",
            registry=self.registry,
        )
