"""What a gateway says of itself to Prometheus. Names carry their unit; labels are closed lists."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1)


class GatewayMetrics:
    """The metrics of one gateway, in a registry of their own so that tests can have several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "scorestream_gateway_answers",
            "Answers to POST /v1/applications, by HTTP status.",
            ["status"],
            registry=self.registry,
        )
        self.answering = Histogram(
            "scorestream_gateway_answering_seconds",
            "From the request's arrival to its answer, POST /v1/applications.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.acknowledged = Histogram(
            "scorestream_gateway_acknowledged_seconds",
            "From handing an application to the log to its acknowledgement.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.outcomes = Counter(
            "scorestream_gateway_outcomes", "Outcomes that the log has taken.", registry=self.registry
        )
        self.in_flight = Gauge(
            "scorestream_gateway_in_flight_requests",
            "Requests that wait for a reply.",
            registry=self.registry,
        )
        self.broker_reached = Gauge(
            "scorestream_gateway_broker_reached", "1 while the broker answers.", registry=self.registry
        )
        self.model = Gauge(
            "scorestream_gateway_model_version",
            "1 for the model version that was promoted last.",
            ["name", "version"],
            registry=self.registry,
        )
