"""What an archive says of itself to Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from infra.runtime.metrics import process_registry
from training.archive.store import Gap

_TOPIC = ["topic"]
_SECONDS = (0.01, 0.05, 0.1, 0.2, 0.5, 1, 5, 30)


class ArchiveMetrics:
    """The metrics of one archive, in a registry of their own so that tests can have several."""

    def __init__(self, *, oldest_waiting_s: Callable[[], float] = float) -> None:
        registry = self.registry = process_registry()
        self.following = Gauge(
            "scorestream_archive_following",
            "1 while the archive reads the log and writes.",
            registry=registry,
        )
        self.records = Counter(
            "scorestream_archive_records", "Records that are in a file.", _TOPIC, registry=registry
        )
        self.files = Counter("scorestream_archive_files", "Files written.", _TOPIC, registry=registry)
        self.bytes = Counter(
            "scorestream_archive_written_bytes", "Bytes of the files written.", _TOPIC, registry=registry
        )
        self.unreadable = Counter(
            "scorestream_archive_unreadable_records",
            "Archived records that hold no event; their bytes are kept.",
            _TOPIC,
            registry=registry,
        )
        # Gauges: a gap is a fact of the store, and outlives the process that found it.
        self.missed = Gauge(
            "scorestream_archive_missed_records",
            "Offsets that retention ever removed before they were archived.",
            _TOPIC,
            registry=registry,
        )
        self.newest_gap = Gauge(
            "scorestream_archive_newest_gap_timestamp_seconds",
            "When that was last found, Unix time; 0 while it never was.",
            _TOPIC,
            registry=registry,
        )
        self.lag = Gauge(
            "scorestream_archive_lag_records",
            "Records that are not in a file yet.",
            _TOPIC,
            registry=registry,
        )
        self.writing = Histogram(
            "scorestream_archive_writing_seconds",
            "One file, made and stored.",
            buckets=_SECONDS,
            registry=registry,
        )
        Gauge(
            "scorestream_archive_oldest_waiting_seconds",
            "How long the record that waits longest has been waiting for its file.",
            registry=registry,
        ).set_function(oldest_waiting_s)

    def begin(self, topic: str) -> None:
        """Have the topic's metrics there from 0 on: an increase needs a value before it."""
        counters = (self.records, self.files, self.bytes, self.unreadable)
        for metric in (*counters, self.missed, self.newest_gap):
            metric.labels(topic)

    def note_gap(self, gap: Gap) -> None:
        """Show the gap, one of an earlier run or a new one, the newest last."""
        topic = gap.place.topic
        self.missed.labels(topic).inc(gap.records)
        self.newest_gap.labels(topic).set(datetime.fromisoformat(gap.found_at).timestamp())
