"""The final fit of a recipe: one stopped early, or one that cross-validation has measured first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from feature_service.application import Features
from training.budget import UNLIMITED, Budget
from training.dataset import Dataset, Target
from training.fit import (
    FitSettings,
    FittedModel,
    LearningCurve,
    Progress,
    Watch,
    as_served,
    bins,
    bins_like,
    grow,
    grow_until_level,
)
from training.split import EARLY_STOPPING_SHARE, Rows, folds, take_stratified

#: What the final fit takes, in folds: a fold leaves rows out, but grows past its best number of trees.
_FINAL_FIT: Final = 1.5


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a model of a dataset.

    `features` are its inputs, all that are allowed if None. With `n_folds`, cross-validation finds
    the number of trees and how far folds spread; without, an early-stopping part finds the number.
    `is_cut_short` when the wall clock ended the search for the recipe.
    """

    settings: FitSettings
    features: tuple[str, ...] | None = None
    n_folds: int = 0
    is_cut_short: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold of the fit part: its AUC, its best number of trees, and its log loss after each tree.

    The rows that the AUC is measured on also stopped the trees, so it is a little too high: what it is
    for is how far folds spread.
    """

    auc: float
    n_trees: int
    curve: LearningCurve


@dataclass(frozen=True, slots=True)
class Grown:
    """A fitted model, its inputs, and the folds that it was measured on (none without folds).

    `is_cut_short` when the wall clock took folds or trees away, or trials and selection before them.
    """

    model: FittedModel
    features: tuple[str, ...]
    folds: tuple[Fold, ...] = ()
    is_cut_short: bool = False

    @property
    def fold_aucs(self) -> tuple[float, ...]:
        """The AUC of each fold."""
        return tuple(fold.auc for fold in self.folds)


def grow_model(
    dataset: Dataset, recipe: Recipe, *, seed: int, progress: Progress, budget: Budget = UNLIMITED
) -> Grown:
    """The model that the recipe makes of the fit part, which nothing else of the dataset touches."""
    names, watch = recipe.features or dataset.inputs, Watch(progress, budget)
    if not recipe.n_folds:
        model = _stopped_early(dataset, names, recipe.settings, seed, watch)
        return Grown(model, names, is_cut_short=recipe.is_cut_short or budget.is_over())
    measured = cross_validate(dataset, names, recipe, seed=seed, watch=watch)
    rows, parameters = dataset.parts.fit, recipe.settings.parameters(seed=seed)
    grown = bins(dataset.grown_on(rows, names, seed=seed + 3), dataset.target[rows], names, parameters)
    # Folds see fewer rows than the final fit, so it gets the mean of their best numbers, not less.
    n_trees = max(1, round(float(np.mean([fold.n_trees for fold in measured]))))
    booster = grow(grown, recipe.settings, n_trees=n_trees, seed=seed, watch=watch)
    is_cut_short = recipe.is_cut_short or len(measured) < recipe.n_folds or budget.is_over()
    return Grown(as_served(booster, recipe.settings), names, measured, is_cut_short)


def cross_validate(
    dataset: Dataset, names: Sequence[str], recipe: Recipe, *, seed: int, watch: Watch
) -> tuple[Fold, ...]:
    """What each fold of the fit part showed; at least one, and no more than leave time for the final fit."""
    rows = dataset.parts.fit
    fold_of = folds(dataset.target[rows], recipe.n_folds, seed=seed + 4, persons=dataset.persons[rows])
    grown_on, as_stated = dataset.grown_on(rows, names, seed=seed + 3), dataset.select(rows, names)
    measured: list[Fold] = []
    slowest_s = 0.0
    for number in range(recipe.n_folds):
        started_with_s = watch.budget.left_s
        if measured and started_with_s < slowest_s * (1.0 + _FINAL_FIT):
            break
        seen, unseen = np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number)
        # The first fold may not take the final fit's time either.
        of_fold = watch.budget.part(1.0 / (1.0 + _FINAL_FIT))
        measured.append(
            _measured(
                (grown_on[seen], as_stated[unseen]),
                (dataset.target[rows[seen]], dataset.target[rows[unseen]]),
                names,
                recipe.settings,
                seed=seed,
                watch=Watch(_of_fold(watch.progress, number, recipe.n_folds), of_fold),
            )
        )
        if watch.budget.is_limited:
            slowest_s = max(slowest_s, started_with_s - watch.budget.left_s)
    return tuple(measured)


def _measured(
    features: tuple[Features, Features],
    target: tuple[Target, Target],
    names: Sequence[str],
    settings: FitSettings,
    *,
    seed: int,
    watch: Watch,
) -> Fold:
    """A fold, from the rows that are seen and those that are not."""
    parameters = settings.parameters(seed=seed)
    grown = bins(features[0], target[0], names, parameters)
    watched = bins_like(grown, features[1], target[1], names, parameters)
    booster, curve = grow_until_level(grown, watched, settings, seed=seed, watch=watch)
    scored = booster.predict(features[1], num_threads=settings.num_threads)
    return Fold(auc_of(scored, target[1]), int(booster.best_iteration), curve)


def auc_of(probabilities: npt.NDArray[np.float64], target: npt.NDArray[np.int64]) -> float:
    """AUC, or 0.5 where only one class is there."""
    return float(roc_auc_score(target, probabilities)) if 0 < target.sum() < len(target) else 0.5


def _stopped_early(
    dataset: Dataset, names: Sequence[str], settings: FitSettings, seed: int, watch: Watch
) -> FittedModel:
    rows = dataset.parts.fit
    target, persons = dataset.target[rows], dataset.persons[rows]
    everybody: Rows = np.arange(len(rows))
    stop, seen = take_stratified(target, everybody, EARLY_STOPPING_SHARE, seed=seed + 2, persons=persons)
    features = dataset.grown_on(rows, names, seed=seed + 3)
    parameters = settings.parameters(seed=seed)
    grown = bins(features[seen], target[seen], names, parameters)
    watched = bins_like(grown, features[stop], target[stop], names, parameters)
    booster, _ = grow_until_level(grown, watched, settings, seed=seed, watch=watch)
    return as_served(booster, settings)


def _of_fold(progress: Progress, fold: int, n_folds: int) -> Progress:
    def report(stage: str, share: float) -> None:
        progress(f"fold {fold + 1} of {n_folds}: {stage}", (fold + share) / n_folds)

    return report
