"""A decision without the platform: validation, features, LightGBM, policy, as a plain service would do it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.application import Application, decode_submitted
from feature_service.application import Features
from feature_service.snapshot import SnapshotReader
from scorer.bundle import read_bundle
from scorer.decide import vectors_of
from scorer.engines import LightGBMEngine
from scorer.model import ServingModel


class ControlSettings(BaseSettings):
    """What the benchmark tells its controls."""

    model_config = SettingsConfigDict(env_prefix="BENCH_", frozen=True)

    bundle: Path = Field(description="Folder of the model bundle that the platform serves.")
    snapshot: Path = Field(description="Folder of the feature snapshot that the platform serves.")
    has_reasons: bool = Field(False, description="Whether refer and decline get reasons.")
    bootstrap_servers: str = Field("127.0.0.1:9092", description="Broker of the Faust control.")


class PlainDecider:
    """One application at a time, LightGBM's own predict and pred_contrib."""

    def __init__(self, settings: ControlSettings) -> None:
        bundle = read_bundle(settings.bundle)
        self._model = ServingModel(bundle)  # for its columns, calibrator and policy; its trees stay unused
        self._lightgbm = LightGBMEngine(bundle)
        self._history = SnapshotReader.open(settings.snapshot)
        self._has_reasons = settings.has_reasons

    def decide(self, body: bytes) -> bytes:
        """The decision document's main fields as JSON; raises what decoding raises."""
        return msgspec.json.encode(self._decided(decode_submitted(body)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The model's features in its order."""
        return self._model.feature_names

    def row(self, body: bytes) -> list[float | None]:
        """The model's input of an application, None where missing."""
        return [None if value != value else value for value in self._features(body)[0].tolist()]  # noqa: PLR0124

    def uncalibrated(self, body: bytes) -> float:
        """LightGBM's probability before calibration."""
        return 1.0 / (1.0 + math.exp(-float(self._lightgbm.margins(self._features(body))[0])))

    def _features(self, body: bytes) -> Features:
        return self._model.select(vectors_of([decode_submitted(body)], self._history)[0])

    def _decided(self, application: Application) -> dict[str, Any]:
        model = self._model
        vectors, found = vectors_of([application], self._history)
        row = model.select(vectors)
        probability = float(model.probabilities(self._lightgbm.margins(row))[0])
        decision = model.cut_offs.decision(probability)
        reasons: list[Any] = []
        if self._has_reasons and decision != "approve":
            contributions = self._lightgbm.contributions(row)
            reasons = list(model.catalogue.reasons(contributions, language="en")[0])
        return {
            "application_id": str(uuid4()),
            "applicant_id": application.SK_ID_CURR,
            "status": "decided",
            "decision": decision,
            "probability_of_default": probability,
            "score": model.points.points(probability),
            "reasons": reasons,
            "model": {"name": model.name, "version": "control"},
            "feature_snapshot": {"id": self._history.id, "applicant_found": bool(found[0])},
            "decided_at": datetime.now(UTC).isoformat(),
        }
