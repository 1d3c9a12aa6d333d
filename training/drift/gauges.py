"""The newest drift report as Prometheus gauges.

A drift run is over before anybody scrapes it, so the archive process, which always runs, reads the topic and
shows what the newest report of each model says. Newest is whose period ends last: an old day that is looked
at once more says nothing of today. Old reports stay: their age is a gauge too.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Final

import msgspec
import structlog
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, Gauge

from contracts.events import DriftReported, decode_drift_reported
from contracts.topics import DRIFT_REPORTS
from infra.runtime.kafka import KafkaConnection
from infra.runtime.reading import LogReader, Offsets, log_reader

log = structlog.get_logger()

_VERDICTS: Final = ("drift", "no drift", "not enough")
_RETRY_S: Final = 5.0
_MODEL: Final = ["model"]


class DriftGauges:
    """Gauges of the newest report, by model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ends: dict[str, float] = {}
        self._verdict = Gauge(
            "scorestream_drift_verdict",
            "1 for the newest report's verdict.",
            ["model", "verdict"],
            registry=registry,
        )
        self._performance = Gauge(
            "scorestream_drift_performance_verdict",
            "1 for the newest report's verdict on matured outcomes alone.",
            ["model", "verdict"],
            registry=registry,
        )
        self._share = Gauge(
            "scorestream_drift_features_ratio",
            "Share of the features that moved, 0 to 1; absent while there is not enough.",
            _MODEL,
            registry=registry,
        )
        self._figure = Gauge(
            "scorestream_drift_figure",
            "A figure of the newest report, by its name there.",
            ["model", "figure"],
            registry=registry,
        )
        self._psi = Gauge(
            "scorestream_drift_feature_psi", "PSI of the features that moved most.", ["model", "feature"],
            registry=registry,
        )  # fmt: skip
        self._applications = Gauge(
            "scorestream_drift_applications",
            "Applications that the newest report looked at.",
            _MODEL,
            registry=registry,
        )
        self._reported = Gauge(
            "scorestream_drift_reported_timestamp_seconds", "When it was reported.", _MODEL, registry=registry
        )

    def show(self, reported: DriftReported) -> None:
        """Show this report in place of the model's last, unless that is of a later period."""
        model, end = reported.model_name, _end(reported)
        if end < self._ends.get(model, end):
            return
        self._ends[model] = end
        for gauge in (self._verdict, self._performance, self._figure, self._psi, self._share):
            gauge.remove_by_labels({"model": model})
        for verdict in _VERDICTS:
            self._verdict.labels(model, verdict).set(verdict == reported.verdict)
            self._performance.labels(model, verdict).set(verdict == reported.performance_verdict)
        for name, value in reported.metrics.items():
            self._figure.labels(model, name).set(value)
        for name, value in reported.top_features.items():
            self._psi.labels(model, name).set(value)
        if reported.share_drifted is not None:
            self._share.labels(model).set(reported.share_drifted)
        self._applications.labels(model).set(reported.applications)
        self._reported.labels(model).set(datetime.fromisoformat(reported.reported_at).timestamp())

    async def follow(self, connection: KafkaConnection) -> None:
        """Show each report as it comes, for ever; a broker that is away is waited for."""
        while True:
            with suppress(KafkaError):
                async with log_reader(connection) as reader:
                    # From the first on: the last one written may be of an old day.
                    starts = await reader.starts(await reader.partitions(DRIFT_REPORTS.name))
                    if starts:
                        await self._follow(reader, starts)
            await asyncio.sleep(_RETRY_S)

    async def _follow(self, reader: LogReader, starts: Offsets) -> None:
        async with aclosing(reader.follow(starts)) as batches:
            async for records in batches:
                for record in records:
                    self._read(record.value or b"")

    def _read(self, value: bytes) -> None:
        try:
            self.show(decode_drift_reported(value))
        except (msgspec.MsgspecError, ValueError) as error:
            log.warning("a drift report can't be read", error=type(error).__name__)


def _end(reported: DriftReported) -> float:
    """When the period was over, as Unix time: a period that was to go on is over when it is reported."""
    return min(
        datetime.fromisoformat(moment).timestamp() for moment in (reported.until, reported.reported_at)
    )
