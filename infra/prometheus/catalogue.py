"""Every metric of the platform, taken from the classes that the processes themselves use.

Used by the page about metrics, and by the tests that hold dashboards, rules and alerts to what there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry

from contracts.lanes import Lane
from feature_service.metrics import FeatureMetrics
from gateway.ledger.metrics import LedgerMetrics
from gateway.metrics import GatewayMetrics
from infra.kafka.lag.metrics import LagMetrics
from scorer.metrics import ScorerMetrics
from training.archive.metrics import ArchiveMetrics
from training.drift.gauges import DriftGauges

#: The units and nouns that a name may end with, before `_total`.
_COUNTED: Final = frozenset(
    {
        *("seconds", "bytes", "ratio", "points", "psi", "fds"),
        *("answers", "applicants", "applications", "batches", "bundles", "categories", "figure", "files"),
        *("outcomes", "partitions", "reasons", "rebalances", "records", "replies", "requests", "restarts"),
        *("rows", "snapshots", "swaps"),
    }
)


#: How the meaning of a fact begins.
_FACT: Final = re.compile(r"1 (while|for|when|where|if)\b")


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of one process, as its author named it; a counter's name ends with _total."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> frozenset[str]:
        """The names that its time series have in Prometheus."""
        if self.kind == "histogram":
            return frozenset(f"{self.name}{suffix}" for suffix in ("_bucket", "_count", "_sum"))
        return frozenset({self.name})

    @property
    def unit(self) -> str:
        """The unit that the name says; empty if it says none."""
        if self.is_fact:
            return "0 or 1"
        if self.name.endswith("timestamp_seconds"):
            return "seconds, Unix time"
        return next((word for word in reversed(self.name.split("_")) if word in _COUNTED), "")

    @property
    def is_fact(self) -> bool:
        """Whether it only says that something is so: an info or a state."""
        return (
            self.name.endswith("_info")
            or re.match(r"[01] (while|for|if|when|where)\b", self.meaning) is not None
        )


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is scraped: its name, the Prometheus job, its usual port, its metrics."""

    name: str
    job: str
    port: str
    registry: CollectorRegistry

    def metrics(self) -> list[Metric]:
        """Its own metrics by name, without those that every process has."""
        return [metric for metric in _metrics(self.registry) if not metric.name.startswith("process_")]


def processes() -> tuple[Process, ...]:
    """Every process of the platform that Prometheus scrapes."""
    return (
        Process("gateway", "gateway", "8000", GatewayMetrics().registry),
        Process("scorer", "scorer", "8002, batch lane 8003", ScorerMetrics(Lane.SYNC.value).registry),
        Process("ledger", "ledger", "8004", LedgerMetrics().registry),
        Process("feature service", "features", "8001", FeatureMetrics().registry),
        Process("archive", "archive", "8005", _archive()),
        Process("lag exporter", "lag", "8006", LagMetrics().registry),
    )


#: What the Prometheus client says of every process, on systems with /proc.
PROCESS_METRICS: Final = (
    Metric("process_cpu_seconds_total", "counter", (), "Processor time used."),
    Metric("process_max_fds", "gauge", (), "Most files that may be open."),
    Metric("process_open_fds", "gauge", (), "Files that are open, connections among them."),
    Metric("process_resident_memory_bytes", "gauge", (), "Memory that is in use."),
    Metric("process_start_time_seconds", "gauge", (), "When the process was started, Unix time."),
    Metric("process_virtual_memory_bytes", "gauge", (), "Address space that is in use."),
)

#: Prometheus' and Alertmanager's own, as far as rules and dashboards use them.
FOREIGN: Final = frozenset({"up", "ALERTS", "alertmanager_notifications_failed_total"})


def _archive() -> CollectorRegistry:
    registry = ArchiveMetrics().registry
    DriftGauges(registry)
    return registry


def series() -> frozenset[str]:
    """The names of all time series that scraping the platform can give."""
    own = {name for process in processes() for metric in process.metrics() for name in metric.series}
    shared = {name for metric in PROCESS_METRICS for name in metric.series}
    return frozenset(own | shared | FOREIGN)


def _metrics(registry: CollectorRegistry) -> list[Metric]:
    labels = dict(_labels(registry))
    found: list[Metric] = []
    for family in registry.collect():
        names, buckets = labels.get(family.name, ((), ()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append(Metric(name, family.type, tuple(names), family.documentation, tuple(buckets)))
    return sorted(found, key=lambda metric: metric.name)


def _labels(registry: CollectorRegistry) -> Iterator[tuple[str, tuple[tuple[str, ...], tuple[float, ...]]]]:
    """Label names and bucket bounds by metric: the client shows them nowhere but in its own attributes."""
    for collector in registry._collector_to_names:
        name = getattr(collector, "_name", None)
        if name is not None:
            yield name, (collector._labelnames, tuple(getattr(collector, "_kwargs", {}).get("buckets", ())))  # type: ignore[attr-defined]
    for family in registry.collect():
        if names := getattr(family, "_labelnames", ()):
            yield family.name, (tuple(names), ())
