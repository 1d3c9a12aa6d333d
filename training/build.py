"""From a dataset to a bundle and the truth about it. Pure: no file, no registry, no clock.

Fit, calibrate, cut, explain, evaluate; each step sees only the rows it may see (`training.split`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import msgspec
import numpy as np

from feature_service.application import Features
from scorer.golden import MIN_ROWS, GoldenRows, golden_rows
from scorer.manifest import Lineage, Manifest
from scorer.policy import PointsScale
from training.budget import UNLIMITED, Budget
from training.calibrate import choose_calibrator
from training.cost import break_even, cut_offs_around
from training.dataset import Dataset
from training.explain import reason_groups
from training.findings import Findings, find
from training.fit import FittedModel, Progress
from training.growing import Grown, Recipe, grow_model
from training.held_out import HeldOut, held_out_of
from training.select_features import Selected

_GOLDEN_ROWS: Final = 64
_EXAMPLE_ROWS: Final = 5


@dataclass(frozen=True, slots=True)
class Origin:
    """What a lineage says of a model's inputs, known before any work is done."""

    inputs_digest: str
    code_digest: str
    sha256: dict[str, str]
    parameters: dict[str, float | int | str | bool]
    seed: int
    environment_digest: str = ""


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A bundle's contents, and what was found out on the held-out part.

    `example` is a few rows as the model takes them, `(n_rows, n_model_features)`; `held_out` goes
    beside the bundle, for those who come after. `selected` is how its features were chosen, None if all
    that are allowed were taken; `notes` are the dataset's.
    """

    manifest: Manifest
    model_text: str
    golden: GoldenRows
    example: Features
    held_out: HeldOut
    findings: Findings
    selected: Selected | None = None
    notes: tuple[str, ...] = ()

    @property
    def metrics(self) -> dict[str, float]:
        """The figures of the held-out part."""
        return self.manifest.lineage.metrics


def build_model(
    dataset: Dataset,
    *,
    model_name: str,
    recipe: Recipe,
    origin: Origin,
    progress: Progress,
    budget: Budget = UNLIMITED,
) -> BuiltModel:
    """The model that the recipe makes of the dataset; the same arguments yield the same bytes.

    A `budget` that runs out before folds and trees are done makes it another model.
    """
    grown = grow_model(dataset, recipe, seed=origin.seed, progress=progress, budget=budget)
    progress("choosing calibrator and cut-offs", 0.0)
    manifest = _decided(dataset, grown, origin=origin, recipe=recipe, name=model_name)
    progress("evaluating on held-out applicants", 0.0)
    findings, metrics = find(dataset, grown, manifest)
    held_out = dataset.select(dataset.parts.held_out, grown.features)
    return BuiltModel(
        manifest=_with_metrics(manifest, {**manifest.lineage.metrics, **metrics}),
        model_text=grown.model.text,
        golden=_golden(grown.model, held_out),
        example=held_out[:_EXAMPLE_ROWS],
        held_out=held_out_of(dataset),
        findings=findings,
        notes=dataset.notes,
    )


def _decided(dataset: Dataset, grown: Grown, *, origin: Origin, recipe: Recipe, name: str) -> Manifest:
    """The manifest with all that is chosen on the choose part; its metrics are those of the choice."""
    rows, history = dataset.parts.choose, dataset.history
    features, target = dataset.select(rows, grown.features), dataset.target[rows]
    margins = grown.model.margins(features)
    chosen = choose_calibrator(margins, target, seed=origin.seed, persons=dataset.persons[rows])
    cut_off = break_even(chosen.out_of_fold, target)
    cut_offs = cut_offs_around(cut_off)
    is_approved = chosen.calibrator.probabilities(margins) < cut_offs.approve_below
    if not is_approved.any():
        is_approved[np.argmin(margins)] = True
    return Manifest(
        model_name=name,
        features=dataset.feature_columns(grown.features),
        calibrator=chosen.calibrator,
        cut_offs=cut_offs,
        points=PointsScale(),
        reason_groups=reason_groups(
            grown.model, features[is_approved], grown.features, history.groups, seed=origin.seed
        ),
        lineage=Lineage(
            inputs_digest=origin.inputs_digest,
            code_digest=origin.code_digest,
            environment_digest=origin.environment_digest,
            seed=origin.seed,
            sha256=origin.sha256,
            parameters={**origin.parameters, **asdict(recipe.settings), "n_folds": recipe.n_folds},
            snapshot_id=history.snapshot_id,
            is_quality_passed=history.is_quality_passed,
            parts=dataset.parts.digests(dataset.applicant_ids),
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
