"""What a ledger says of itself to Prometheus. Names carry their unit; labels are closed lists."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from contracts.lanes import Lane
from infra.runtime.metrics import process_registry

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1)
_LANE = ["lane"]


class LedgerMetrics:
    """The metrics of one ledger, in a registry of their own so that tests can have several."""

    def __init__(self) -> None:
        self.registry = process_registry()
        self.lag = self._gauge(
            "ledger_lag_seconds", "Everything that was in the lane's topics this long ago is in the tables."
        )
        self.writing = self._gauge("ledger_writing", "1 while the lane's writer follows the log, else 0.")
        self.rows = Gauge(
            "scorestream_ledger_rows",
            "Applications by status.",
            ["lane", "status"],
            registry=self.registry,
        )
        self.logged = self._gauge(
            "conservation_logged_applications", "Distinct applications, counted from the log's offsets."
        )
        self.recorded = self._gauge(
            "conservation_recorded_applications",
            "Applications decided, dead or pending, counted from the rows, whose own record was read.",
        )
        self.difference = self._gauge(
            "conservation_difference_applications",
            "Logged less recorded applications; anything but 0 is a fault.",
        )
        self.orphans = self._gauge(
            "conservation_orphaned_records",
            "Decisions and dead letters without an application, though the log was read past it.",
        )
        self.overdue = self._gauge(
            "ledger_pending_over_60_seconds_applications", "Pending for more than 60 seconds."
        )
        self.oldest_pending = self._gauge("ledger_oldest_pending_seconds", "Age of the oldest pending one.")
        self.counted = self._gauge("ledger_counted_timestamp_seconds", "When the counts were taken.")
        self.audited = self._counter("ledger_audited_applications", "Ids read from the log a second time.")
        self.audit_missing = self._counter(
            "ledger_audit_missing_applications", "Of these, those that had no row; anything but 0 is a fault."
        )
        self.records = self._counter("ledger_records", "Records stored.")
        self.unreadable = self._counter("ledger_unreadable_records", "Records passed over as unreadable.")
        self.missed = self._counter("ledger_missed_records", "Records that retention removed unread.")
        self.writer_starts = self._counter("ledger_writer_restarts", "Writers that ended by themselves.")
        self.looking_up = Histogram(
            "scorestream_ledger_looking_up_seconds",
            "One read of the database for a look-up.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"scorestream_{name}", meaning, _LANE, registry=self.registry)

    def _counter(self, name: str, meaning: str) -> Counter:
        counter = Counter(f"scorestream_{name}", meaning, _LANE, registry=self.registry)
        for lane in Lane:
            counter.labels(lane.value)  # an increase needs a value before it
        return counter
