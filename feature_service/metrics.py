"""What the feature service says of itself to Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class FeatureMetrics:
    """The metrics of one process, in a registry of their own so that tests can have several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "scorestream_features_answers",
            "Answers by route and HTTP status.",
            ["route", "status"],
            registry=self.registry,
        )
        self.answering = Histogram(
            "scorestream_features_answering_seconds",
            "From a request's arrival to its answer.",
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
