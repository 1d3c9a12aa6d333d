"""What a gateway says of itself to Prometheus. Names carry their unit; labels are closed lists."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from infra.runtime.metrics import REQUEST_SECONDS, process_registry

#: Answers that the service objective is counted by: there from the start, so that a rate has a first value.
_COUNTED_STATUSES = ("200", "202", "410", "429", "500", "503")


class GatewayMetrics:
    """The metrics of one gateway, in a registry of their own so that tests can have several."""

    def __init__(self) -> None:
        self.registry = process_registry()
        self.answering = Histogram(
            "scorestream_gateway_answering_seconds",
            "From the request's arrival to its answer, POST /v1/applications, by HTTP status.",
            ["status"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self.acknowledged = self._histogram(
            "acknowledged_seconds", "From handing an application to the log to its acknowledgement."
        )
        self.reply_in_log = self._histogram(
            "reply_in_log_seconds", "From the log's timestamp of a reply to its being here."
        )
        self.outcomes = Counter(
            "scorestream_gateway_outcomes", "Outcomes that the log has taken.", registry=self.registry
        )
        self.in_flight = self._gauge("in_flight_requests", "Requests that wait for a reply.")
        self.in_flight_limit = self._gauge(
            "in_flight_limit_requests", "Requests that may wait at once; more are 429."
        )
        self.broker_reached = self._gauge("broker_reached", "1 while the broker answers, else 0.")
        self.model = Gauge(
            "scorestream_gateway_model_info",
            "1 for the model version that was promoted last.",
            ["name", "version"],
            registry=self.registry,
        )
        self.promoted = self._gauge(
            "model_promoted_timestamp_seconds", "When that version was promoted, Unix time."
        )
        for status in _COUNTED_STATUSES:
            self.answering.labels(status)

    def _histogram(self, name: str, meaning: str) -> Histogram:
        return Histogram(
            f"scorestream_gateway_{name}", meaning, buckets=REQUEST_SECONDS, registry=self.registry
        )

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"scorestream_gateway_{name}", meaning, registry=self.registry)
