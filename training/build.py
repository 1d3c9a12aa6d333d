"""From labelled applications to a bundle and the truth about it. Pure: no file, no registry, no clock.

Fit, calibrate, cut, explain, evaluate; each step sees only the rows it may see (`training.split`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from feature_service.application import (
    FEATURE_BY_NAME,
    FEATURE_NAMES,
    MODEL_INPUTS,
    Features,
    application_features,
)
from scorer.golden import MIN_ROWS, GoldenRows, golden_rows
from scorer.manifest import FeatureColumn, Lineage, Manifest
from scorer.policy import PointsScale
from training.applications import LabelledApplications
from training.blanks import blank_never_missing
from training.calibrate import choose_calibrator
from training.cost import break_even, cut_offs_around
from training.evaluate import Decile, deciles, evaluate, evaluate_baselines
from training.explain import global_importance, reason_groups
from training.fit import FitSettings, FittedModel, Progress, fit
from training.split import Split, split

_EXTERNAL_MEAN: Final = FEATURE_NAMES.index("EXT_SOURCE_MEAN")
_COLUMNS: Final = np.array([FEATURE_NAMES.index(name) for name in MODEL_INPUTS])
_GOLDEN_ROWS: Final = 64


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A bundle's contents, and what was found out on the held-out part.

    `held_out_probabilities` and `held_out_target` are what curves are drawn from; `example` is a
    few rows as the model takes them, `(n_rows, n_model_features)`.
    """

    manifest: Manifest
    model_text: str
    golden: GoldenRows
    example: Features
    decile_table: list[Decile]
    importance: dict[str, float]
    held_out_probabilities: npt.NDArray[np.float64]
    held_out_target: npt.NDArray[np.int64]

    @property
    def metrics(self) -> dict[str, float]:
        """The figures of the held-out part."""
        return self.manifest.lineage.metrics


@dataclass(frozen=True, slots=True)
class Origin:
    """What a lineage says of a model's inputs, known before any work is done."""

    inputs_digest: str
    code_digest: str
    sha256: dict[str, str]
    parameters: dict[str, float | int | str | bool]
    seed: int


def build_model(
    applications: LabelledApplications,
    *,
    model_name: str,
    settings: FitSettings,
    origin: Origin,
    progress: Progress,
) -> BuiltModel:
    """The model that `applications` yield; the same inputs yield the same bytes."""
    seed = origin.seed
    progress("computing features", 0.0)
    view = application_features(applications.columns)
    features = np.ascontiguousarray(view[:, _COLUMNS])
    parts = split(applications.target, seed=seed)
    grown_on = application_features(blank_never_missing(applications.columns[parts.fit], seed=seed + 3))
    model = fit(
        grown_on[:, _COLUMNS],
        applications.target[parts.fit],
        feature_names=MODEL_INPUTS,
        settings=settings,
        seed=seed,
        progress=progress,
    )
    progress("choosing calibrator and cut-offs", 0.0)
    manifest = _decided(model, features, applications.target, parts=parts, origin=origin, name=model_name)
    progress("evaluating on held-out applicants", 0.0)
    held_out, target = features[parts.held_out], applications.target[parts.held_out]
    margins = model.margins(held_out)
    probabilities = manifest.calibrator.probabilities(margins)
    metrics = {
        **manifest.lineage.metrics,
        **evaluate(
            probabilities,
            target,
            cut_offs=manifest.cut_offs,
            break_even=manifest.lineage.metrics["break_even"],
        ),
        **evaluate_baselines(view[parts.held_out, _EXTERNAL_MEAN].astype(np.float64), target),
        "trees": float(model.n_trees),
    }
    return BuiltModel(
        manifest=_with_metrics(manifest, metrics),
        model_text=model.text,
        golden=_golden(model, held_out),
        example=held_out[:5],
        decile_table=deciles(probabilities, target),
        importance=global_importance(model, held_out, manifest.reason_groups, seed=seed),
        held_out_probabilities=probabilities,
        held_out_target=target,
    )


def _decided(
    model: FittedModel,
    features: Features,
    target: npt.NDArray[np.int64],
    *,
    parts: Split,
    origin: Origin,
    name: str,
) -> Manifest:
    """The manifest with all that is chosen on the choose part; its metrics are those of the choice."""
    chosen_features, chosen_target = features[parts.choose], target[parts.choose]
    margins = model.margins(chosen_features)
    chosen = choose_calibrator(margins, chosen_target, seed=origin.seed)
    cut_off = break_even(chosen.out_of_fold, chosen_target)
    cut_offs = cut_offs_around(cut_off)
    is_approved = chosen.calibrator.probabilities(margins) < cut_offs.approve_below
    if not is_approved.any():
        is_approved[np.argmin(margins)] = True
    return Manifest(
        model_name=name,
        features=tuple(
            FeatureColumn(name=feature, categories=FEATURE_BY_NAME[feature].categories)
            for feature in MODEL_INPUTS
        ),
        calibrator=chosen.calibrator,
        cut_offs=cut_offs,
        points=PointsScale(),
        reason_groups=reason_groups(model, chosen_features[is_approved], MODEL_INPUTS, seed=origin.seed),
        lineage=Lineage(
            inputs_digest=origin.inputs_digest,
            code_digest=origin.code_digest,
            seed=origin.seed,
            sha256=origin.sha256,
            parameters=origin.parameters,
            metrics={
                "break_even": cut_off,
                **{f"choose_log_loss_{kind}": loss for kind, loss in chosen.log_losses.items()},
            },
        ),
    )


def _with_metrics(manifest: Manifest, metrics: dict[str, float]) -> Manifest:
    replace = msgspec.structs.replace
    return replace(manifest, lineage=replace(manifest.lineage, metrics=metrics))


def _golden(model: FittedModel, features: Features) -> GoldenRows:
    """Rows spread over the whole range of margins, and one where everything is missing."""
    margins = model.margins(features)
    order = np.argsort(margins, kind="stable")
    spread = order[np.linspace(0, len(order) - 1, min(_GOLDEN_ROWS, len(order))).astype(np.int64)]
    nothing = np.full((max(1, MIN_ROWS - len(spread)), features.shape[1]), np.nan, dtype=np.float32)
    rows = np.vstack([features[spread], nothing])
    return golden_rows(rows, model.margins(rows).tolist())
