"""What the lag exporter says to Prometheus: the newest look at Kafka, put into metrics at each scrape.

Without a look, because no broker answers, nothing is said but that: old lags would look like new ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from infra.kafka.lag.facts import LogState
from infra.runtime.metrics import process_registry


class LagMetrics(Collector):
    """The exporter's metrics, in a registry of their own so that tests can have several."""

    def __init__(self, *, unix_time: Callable[[], float] = time.time) -> None:
        self.registry = process_registry()
        #: The newest look; None while no broker answers.
        self.state: LogState | None = None
        self._unix_time = unix_time
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The metrics at this moment."""
        state = self.state
        yield GaugeMetricFamily(
            "scorestream_lag_broker_reached",
            "1 while Kafka answers the exporter, else 0; then the others are not there.",
            value=0 if state is None else 1,
        )
        state = state or LogState()
        yield from self._groups(state)
        yield self._oldest(state)
        yield from self._topics(state)

    def _groups(self, state: LogState) -> Iterator[Metric]:
        labels = ("group", "topic", "partition")
        lag = GaugeMetricFamily(
            "scorestream_lag_records",
            "Records between a consumer group's committed offset and the end of the partition.",
            labels=labels,
        )
        overtaken = GaugeMetricFamily(
            "scorestream_lag_overtaken_records",
            "Records that retention removed before the group was done with them.",
            labels=labels,
        )
        for (group, place), behind in state.behind.items():
            where = (group, place.topic, str(place.partition))
            lag.add_metric(where, behind.records)
            overtaken.add_metric(where, behind.overtaken)
        yield from (lag, overtaken)

    def _oldest(self, state: LogState) -> Metric:
        oldest = GaugeMetricFamily(
            "scorestream_lag_oldest_undecided_seconds",
            "Age of a lane's oldest application that is not decided and committed; 0 when none waits.",
            labels=("lane",),
        )
        for lane, timestamp_ms in state.oldest_ms.items():
            age = 0.0 if timestamp_ms is None else max(0.0, self._unix_time() - timestamp_ms / 1000)
            oldest.add_metric((lane.value,), age)
        return oldest

    def _topics(self, state: LogState) -> Iterator[Metric]:
        labels = ("topic", "partition")
        written = CounterMetricFamily(
            "scorestream_log_records",
            "Records ever written to a partition: its end offset. Of applications: those accepted; of "
            "applications-dlq: the dead letters.",
            labels=labels,
        )
        kept = GaugeMetricFamily(
            "scorestream_log_kept_records", "Records of a partition that are still there.", labels=labels
        )
        for place, span in state.spans.items():
            written.add_metric((place.topic, str(place.partition)), span.end)
            kept.add_metric((place.topic, str(place.partition)), span.end - span.first)
        yield from (written, kept)
