"""What one trial of a tuning study does: propose settings, and measure them fold by fold.

The folds' rows are binned once and shared by all trials, which is why the number of bins is not
tuned: binning costs as much as a hundred trees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import lightgbm
import numpy as np
from optuna.trial import BaseTrial

from feature_service.application import Features
from training.dataset import Dataset, Target
from training.fit import FitSettings, Watch, bins, bins_like, grow_until_level
from training.growing import auc_of
from training.split import folds, take_stratified

#: Where to look, all on a logarithmic scale. Low feature fractions are for hundreds of features that
#: say much the same.
_COUNTS: Final = {"num_leaves": (6, 40), "min_data_in_leaf": (20, 400)}
_REALS: Final = {
    "learning_rate": (0.02, 0.2),
    "lambda_l1": (1e-3, 10.0),
    "lambda_l2": (0.1, 100.0),
    "feature_fraction": (0.05, 0.8),
    "bagging_fraction": (0.6, 1.0),
    "cat_smooth": (5.0, 200.0),
}
#: Trees times learning rate that may pass without a lower loss.
_PATIENCE: Final = 2.0


class OutOfTime(Exception):
    """The wall clock ran out in the middle of a trial."""


def proposed(trial: BaseTrial, base: FitSettings, *, max_leaves: int) -> FitSettings:
    """The settings that the trial proposes: never more trees than the budget of leaves allows."""
    counts = {name: trial.suggest_int(name, *ends, log=True) for name, ends in _COUNTS.items()}
    reals: dict[str, Any] = {
        name: trial.suggest_float(name, *ends, log=True) for name, ends in _REALS.items()
    }
    return replace(
        base,
        **counts,
        **reals,
        max_trees=max(1, max_leaves // counts["num_leaves"]),
        # Small steps rise and fall for longer before they have gone too far.
        patience_trees=max(base.patience_trees, round(_PATIENCE / reals["learning_rate"])),
    )


def as_proposed(base: FitSettings) -> dict[str, float | int]:
    """The parameters of the trial that proposes `base`, brought inside the ranges."""
    ranges = {**_COUNTS, **_REALS}
    return {name: min(max(getattr(base, name), low), high) for name, (low, high) in ranges.items()}


@dataclass(frozen=True, slots=True)
class TrialFolds:
    """The folds of a study, binned; the same for the same dataset, features and seed."""

    grown: tuple[lightgbm.Dataset, ...]
    watched: tuple[lightgbm.Dataset, ...]
    unseen: tuple[Features, ...]
    targets: tuple[Target, ...]
    seed: int

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        features: tuple[str, ...],
        *,
        rows: int,
        n_folds: int,
        base: FitSettings,
        seed: int,
    ) -> TrialFolds:
        """Folds over at most `rows` of the fit part."""
        chosen = sample_of(dataset, rows, seed=seed)
        target = dataset.target[chosen]
        grown_on = dataset.grown_on(chosen, features, seed=seed + 3)
        as_stated = dataset.select(chosen, features)
        fold_of = folds(target, n_folds, seed=seed + 5, persons=dataset.persons[chosen])
        parameters = base.parameters(seed=seed)
        grown, watched, unseen, targets = [], [], [], []
        for fold in range(n_folds):
            seen, rest = fold_of != fold, fold_of == fold
            binned = bins(grown_on[seen], target[seen], features, parameters).construct()
            grown.append(binned)
            watched.append(bins_like(binned, as_stated[rest], target[rest], features, parameters).construct())
            unseen.append(as_stated[rest])
            targets.append(target[rest])
        return cls(tuple(grown), tuple(watched), tuple(unseen), tuple(targets), seed)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.grown)

    def measure(self, fold: int, settings: FitSettings, is_over: Callable[[], bool]) -> tuple[float, int]:
        """AUC and number of trees on one fold; OutOfTime as soon as `is_over`."""

        def watch(_stage: str, _share: float) -> None:
            if is_over():
                raise OutOfTime

        booster: Any
        booster, _ = grow_until_level(
            self.grown[fold], self.watched[fold], settings, seed=self.seed, watch=Watch(watch)
        )
        scored = booster.predict(self.unseen[fold], num_threads=settings.num_threads)
        return auc_of(scored, self.targets[fold]), int(booster.best_iteration)


def sample_of(dataset: Dataset, rows: int, *, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most `rows` of the fit part, drawn from each class alike, whole persons."""
    fit = dataset.parts.fit
    if len(fit) <= rows:
        return fit
    sample, _ = take_stratified(dataset.target, fit, rows / len(fit), seed=seed + 6, persons=dataset.persons)
    return sample
