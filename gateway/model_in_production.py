"""The model version that decides now, as `model-promotions` says, for GET /v1/model."""

from __future__ import annotations

import contextlib
from datetime import datetime

import msgspec
import structlog

from contracts.events import ModelPromoted, decode_promoted
from gateway.metrics import GatewayMetrics
from infra.runtime.compacted import ControlTopic

log = structlog.get_logger()


class ModelInProduction:
    """The newest promotion of one registered model."""

    def __init__(self, name: str, metrics: GatewayMetrics) -> None:
        self._key = name.encode()
        self._metrics = metrics
        self.newest: ModelPromoted | None = None

    async def follow(self, control: ControlTopic) -> None:
        """Keep `newest` up to date until cancelled."""
        for key, value in (await control.newest()).items():
            self._take(key, value)
        async for key, value in control.changes():
            self._take(key, value)

    def _take(self, key: bytes, value: bytes) -> None:
        if key != self._key:
            return
        try:
            self.newest = decode_promoted(value)
        except msgspec.MsgspecError:
            log.error("a record of model-promotions can't be read; skipped")
            return
        self._metrics.model.clear()
        self._metrics.model.labels(self.newest.name, self.newest.version).set(1)
        with contextlib.suppress(
            ValueError
        ):  # a moment that nobody can read is no reason to ignore the version
            self._metrics.promoted.set(datetime.fromisoformat(self.newest.promoted_at).timestamp())
