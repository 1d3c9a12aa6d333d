"""The model version that decides now, as `model-promotions` says, for GET /v1/model."""

from __future__ import annotations

import contextlib
from datetime import datetime

from contracts.events import ModelPromoted, decode_promoted
from contracts.topics import MODEL_PROMOTIONS
from gateway.metrics import GatewayMetrics
from gateway.newest import Newest


class ModelInProduction(Newest[ModelPromoted]):
    """The newest promotion of one registered model."""

    def __init__(self, name: str, metrics: GatewayMetrics) -> None:
        super().__init__(MODEL_PROMOTIONS, name, decode_promoted)
        self._metrics = metrics

    def _taken(self, newest: ModelPromoted) -> None:
        self._metrics.model.clear()
        self._metrics.model.labels(newest.name, newest.version).set(1)
        # A moment that nobody can read is no reason to ignore the version.
        with contextlib.suppress(ValueError):
            self._metrics.promoted.set(datetime.fromisoformat(newest.promoted_at).timestamp())
