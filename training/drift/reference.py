"""What the model in Production was judged on: the sample that was stored with it, scored by it.

The sample is the held-out part (`training.held_out`), which no tree has seen: its scores are distributed
as those of strangers are, unlike those of the rows that the model was fitted on.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt

from feature_service.application import Features
from scorer.bundle import Bundle, read_bundle
from scorer.errors import BundleRefused
from scorer.model import ServingModel
from training.challenge import UNHURRIED
from training.cost import THEORETICAL_BREAK_EVEN
from training.drift.errors import NoReference
from training.drift.performance import Judged
from training.held_out import read_held_out
from training.registry import PRODUCTION, RegisteredVersion, Registry


@dataclass(frozen=True, slots=True)
class Reference:
    """The sample: `features` is `(n_rows, n_names)` under `names`; `importance` is the gain per feature."""

    version: RegisteredVersion
    model: ServingModel
    names: tuple[str, ...]
    features: Features
    margins: npt.NDArray[np.float64]
    judged: Judged
    importance: dict[str, float]

    @property
    def cut_off(self) -> float:
        """The break-even between approving and declining."""
        return self.model.lineage.metrics.get("break_even", THEORETICAL_BREAK_EVEN)


def reference_of_production(registry: Registry, model_name: str) -> Reference:
    """The reference of the version in Production. Raises NoReference, RegistryUnavailable."""
    version = registry.with_alias(model_name, PRODUCTION)
    if version is None:
        raise NoReference(f"no version of {model_name} is in Production; promote one: scorestream promote")
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        try:
            place = registry.fetch_bundle(version, Path(folder) / "bundle")
            bundle = read_bundle(place, expected_digest=version.digest)
            rows = read_held_out(registry.fetch_evaluation(version, Path(folder) / "evaluation"))
            # A busy machine must not hide drift: how long a row takes matters to who serves it.
            model = ServingModel(bundle, budget=UNHURRIED)
            selected = rows.select(model.feature_names)
        except (LookupError, BundleRefused) as error:
            raise NoReference(
                f"{model_name} version {version.version} has no reference that can be used ({error});"
                " train and promote a new one"
            ) from error
    margins = model.margins(selected)
    probabilities = model.probabilities(margins)
    return Reference(
        version=version,
        model=model,
        names=rows.names,
        features=rows.features,
        margins=margins,
        judged=Judged(probabilities, decisions_of(model, probabilities), rows.target),
        importance=importance_of(bundle),
    )


def decisions_of(model: ServingModel, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.str_]:
    """The model's decision for each PD."""
    return np.array([model.cut_offs.decision(float(one)) for one in probabilities], dtype=np.str_)


def importance_of(bundle: Bundle) -> dict[str, float]:
    """What each feature of the model contributes to its fit: the total gain of its splits."""
    gains = lightgbm.Booster(model_str=bundle.model_text).feature_importance("gain")
    return dict(zip(bundle.manifest.feature_names, map(float, gains), strict=True))
