"""What a scorer says of itself to Prometheus. Names carry their unit; labels are closed lists."""

from __future__ import annotations

from typing import Final, get_args

from prometheus_client import Counter, Gauge, Histogram

from contracts.errors import DeadLetterReason
from contracts.events import Decision
from infra.runtime.metrics import process_registry
from scorer.errors import Refusal

#: Why a bundle was not taken when it is not the bundle's fault.
UNAVAILABLE: Final = "unavailable"

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
_SHARES = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1)
_POINTS = (400, 450, 500, 525, 550, 575, 600, 625, 650, 675, 700, 750, 800, 850)
_TAKEOVER_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class ScorerMetrics:
    """The metrics of one worker, in a registry of their own so that tests can have several."""

    def __init__(self, lane: str) -> None:
        self.registry = process_registry()
        self._lane = lane
        self.decided = self._counter("applications_decided", "Applications decided, by decision.", "decision")
        self.dead_lettered = self._counter(
            "applications_dead_lettered", "Inputs put aside, by reason.", "reason"
        )
        self.unseen_categories = self._counter(
            "unseen_categories",
            "Values scored as missing because the contract does not know the category, by field.",
            "field",
        )
        self.bundles_refused = self._counter(
            "bundles_refused", "Model bundles that were not taken, by reason.", "reason"
        )
        self.replies_undeliverable = self._counter(
            "replies_undeliverable", "Replies whose topic or partition is not there."
        ).labels(lane)
        self.repeats = self._counter(
            "applications_repeated",
            "Applications sent again: repeated, or in conflict with other bytes.",
            "kind",
        )
        self.overtaken = self._counter(
            "overtaken_batches", "Micro-batches that found another owner's predictions among theirs."
        ).labels(lane)
        self.reasons = self._counter("reasons_given", "Reasons given to applicants, by code.", "code")
        self.probability = self._histogram(
            "probability_of_default_ratio", "Probability of default of decided applications.", _SHARES
        )
        self.points = self._histogram("score_points", "Score of decided applications.", _POINTS)
        self.batch_rows = self._histogram("batch_rows", "Applications in a micro-batch.", _ROWS)
        self.in_log = self._histogram(
            "in_log_seconds", "From the log's timestamp of an application to the scorer taking it up."
        )
        self.deciding = self._histogram(
            "deciding_seconds", "Features, model, policy and reasons of a micro-batch."
        )
        self.publishing = self._histogram(
            "publishing_seconds", "From decided to acknowledged by the prediction stream, a micro-batch."
        )
        self.in_flight = self._gauge(
            "in_flight_applications", "Applications in the micro-batch at work."
        ).labels(lane)
        self.last_decision = self._gauge(
            "last_decision_timestamp_seconds", "Unix time of the newest decision; 0 before the first."
        ).labels(lane)
        self.partitions = self._gauge("assigned_partitions", "Partitions this worker owns.").labels(lane)
        self.rebalances = self._counter(
            "rebalances", "Times that partitions were dealt anew and this worker took its share."
        ).labels(lane)
        self.taking_over = self._histogram(
            "taking_over_seconds",
            "Reading what was decided of newly assigned partitions, before the first is worked on.",
            _TAKEOVER_SECONDS,
        )
        self.lag = self._gauge("lag_records", "Records behind the end of a partition.", "partition")
        self.model = self._gauge(
            "model_info", "1 for the model version that decides now.", "name", "version", "digest"
        )
        self.refused = self._gauge(
            "bundle_refused_info",
            "1 for the newest promotion while it is not what decides, by the reason for that.",
            "name",
            "version",
            "reason",
        )
        self.compiled = self._gauge(
            "model_compiled", "1 when the compiled kernel walks the model's trees, 0 when LightGBM does."
        ).labels(lane)
        self.snapshot = self._gauge(
            "snapshot_info", "1 for the feature snapshot that applicants are looked up in.", "id"
        )
        self.snapshot_as_of = self._gauge(
            "snapshot_as_of_timestamp_seconds",
            "Unix time up to which that snapshot knows the history; its age is time() less this. 0 without.",
        ).labels(lane)
        self.snapshot_swaps = self._counter(
            "snapshot_swaps", "Snapshots that took the place of another."
        ).labels(lane)
        self.snapshots_refused = self._counter(
            "snapshots_refused", "Published snapshots that were not taken, by reason.", "reason"
        )
        self.applicants_not_found = self._counter(
            "applicants_not_found", "Applications decided without history: no snapshot holds the applicant."
        ).labels(lane)
        self._start_at_zero(lane)

    def _start_at_zero(self, lane: str) -> None:
        """Have the counters of closed lists there from the start: an increase needs a value before it."""
        for decision in get_args(Decision):
            self.decided.labels(lane, decision)
        for reason in DeadLetterReason:
            self.dead_lettered.labels(lane, reason.value)
        for refusal in (*(reason.value for reason in Refusal), UNAVAILABLE):
            self.bundles_refused.labels(lane, refusal)
        for kind in ("repeated", "conflict"):
            self.repeats.labels(lane, kind)
        for snapshot_refusal in ("refused", Refusal.DOES_NOT_FIT.value, UNAVAILABLE):
            self.snapshots_refused.labels(lane, snapshot_refusal)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"scorestream_scorer_{name}", meaning, ["lane", *labels], registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"scorestream_scorer_{name}", meaning, ["lane", *labels], registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...] = _SECONDS) -> Histogram:
        return Histogram(
            f"scorestream_scorer_{name}", meaning, ["lane"], buckets=buckets, registry=self.registry
        ).labels(self._lane)
