"""The newest drift report as Prometheus gauges.

A drift run is over before anybody scrapes it, so the archive process, which always runs, reads the topic and
shows what the newest report of each model says. Old reports stay: their age is a gauge too.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

import msgspec
import structlog
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, Gauge

from contracts.events import DriftReported, decode_drift_reported
from contracts.topics import DRIFT_REPORTS
from infra.runtime.compacted import ControlTopic
from infra.runtime.kafka import KafkaConnection
from infra.runtime.stopping import stop_all

log = structlog.get_logger()

_VERDICTS: Final = ("drift", "no drift", "not enough")
_RETRY_S: Final = 5.0
_MODEL: Final = ["model"]


class DriftGauges:
    """Gauges of the newest report, by model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._verdict = Gauge(
            "scorestream_drift_verdict",
            "1 for the newest report's verdict.",
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
        """Show this report in place of the model's last."""
        model = reported.model_name
        for gauge in (self._verdict, self._figure, self._psi, self._share):
            gauge.remove_by_labels({"model": model})
        for verdict in _VERDICTS:
            self._verdict.labels(model, verdict).set(verdict == reported.verdict)
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
            topic = ControlTopic(DRIFT_REPORTS, connection)
            try:
                await topic.start()
                for value in (await topic.newest()).values():
                    self._read(value)
                async for _, value in topic.changes():
                    self._read(value)
            except KafkaError:
                await asyncio.sleep(_RETRY_S)
            finally:
                await stop_all(topic, timeout_s=_RETRY_S)

    def _read(self, value: bytes) -> None:
        try:
            self.show(decode_drift_reported(value))
        except (msgspec.MsgspecError, ValueError) as error:
            log.warning("a drift report can't be read", error=type(error).__name__)
