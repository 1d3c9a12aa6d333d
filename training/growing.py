"""The final fit of a recipe: one stopped early, or one that cross-validation has measured first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from training.dataset import Dataset
from training.fit import (
    FitSettings,
    FittedModel,
    Progress,
    as_served,
    bins,
    bins_like,
    grow,
    grow_until_level,
)
from training.split import EARLY_STOPPING_SHARE, Rows, folds, take_stratified


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a model of a dataset.

    `features` are its inputs, all that are allowed if None. With `n_folds`, cross-validation finds
    the number of trees and how far folds spread; without, an early-stopping part finds the number.
    """

    settings: FitSettings
    features: tuple[str, ...] | None = None
    n_folds: int = 0


@dataclass(frozen=True, slots=True)
class Grown:
    """A fitted model, its inputs, and the AUC of each fold that it was measured on (none without folds)."""

    model: FittedModel
    features: tuple[str, ...]
    fold_aucs: tuple[float, ...]


def grow_model(dataset: Dataset, recipe: Recipe, *, seed: int, progress: Progress) -> Grown:
    """The model that the recipe makes of the fit part, which nothing else of the dataset touches."""
    names = recipe.features or dataset.inputs
    if not recipe.n_folds:
        return Grown(_stopped_early(dataset, names, recipe.settings, seed, progress), names, ())
    n_trees, aucs = cross_validate(dataset, names, recipe, seed=seed, progress=progress)
    rows = dataset.parts.fit
    parameters = recipe.settings.parameters(seed=seed)
    grown = bins(dataset.grown_on(rows, names, seed=seed + 3), dataset.target[rows], names, parameters)
    booster = grow(grown, recipe.settings, n_trees=n_trees, seed=seed, progress=progress)
    return Grown(as_served(booster, recipe.settings), names, aucs)


def cross_validate(
    dataset: Dataset, names: Sequence[str], recipe: Recipe, *, seed: int, progress: Progress
) -> tuple[int, tuple[float, ...]]:
    """The number of trees for all rows of the fit part, and each fold's AUC.

    Folds see fewer rows than the final fit, so it gets the mean of their best numbers, not less.
    """
    rows, settings = dataset.parts.fit, recipe.settings
    target = dataset.target[rows]
    fold_of = folds(target, recipe.n_folds, seed=seed + 4, persons=dataset.persons[rows])
    grown_on = dataset.grown_on(rows, names, seed=seed + 3)
    as_stated = dataset.select(rows, names)
    parameters = settings.parameters(seed=seed)
    aucs, sizes = [], []
    for fold in range(recipe.n_folds):
        seen, unseen = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        grown = bins(grown_on[seen], target[seen], names, parameters)
        watched = bins_like(grown, as_stated[unseen], target[unseen], names, parameters)
        booster = grow_until_level(
            grown, watched, settings, seed=seed, progress=_of_fold(progress, fold, recipe.n_folds)
        )
        aucs.append(
            auc_of(booster.predict(as_stated[unseen], num_threads=settings.num_threads), target[unseen])
        )
        sizes.append(booster.best_iteration)
    return max(1, round(float(np.mean(sizes)))), tuple(aucs)


def auc_of(probabilities: npt.NDArray[np.float64], target: npt.NDArray[np.int64]) -> float:
    """AUC, or 0.5 where only one class is there."""
    return float(roc_auc_score(target, probabilities)) if 0 < target.sum() < len(target) else 0.5


def _stopped_early(
    dataset: Dataset, names: Sequence[str], settings: FitSettings, seed: int, progress: Progress
) -> FittedModel:
    rows = dataset.parts.fit
    target, persons = dataset.target[rows], dataset.persons[rows]
    everybody: Rows = np.arange(len(rows))
    stop, seen = take_stratified(target, everybody, EARLY_STOPPING_SHARE, seed=seed + 2, persons=persons)
    features = dataset.grown_on(rows, names, seed=seed + 3)
    parameters = settings.parameters(seed=seed)
    grown = bins(features[seen], target[seen], names, parameters)
    watched = bins_like(grown, features[stop], target[stop], names, parameters)
    return as_served(grow_until_level(grown, watched, settings, seed=seed, progress=progress), settings)


def _of_fold(progress: Progress, fold: int, n_folds: int) -> Progress:
    def report(stage: str, share: float) -> None:
        progress(f"fold {fold + 1} of {n_folds}: {stage}", (fold + share) / n_folds)

    return report
