"""Drops features that a model does no better for: less to compute, to explain and to go wrong.

A feature must split better than noise does. Quick models are grown with shuffled copies of real
features beside them (Kursa & Rudnicki 2010 call these shadows); what gains no more than most shadows
do, in most folds, goes. If the quick models miss what was dropped, the bar is lowered, down to dropping
what was never used at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from feature_service.application import Features
from training.dataset import Dataset
from training.fit import FitSettings, Watch, bins, grow
from training.growing import auc_of
from training.split import Rows, folds

_N_FOLDS: Final = 3
_SHADOWS: Final = 20
_TREES: Final = 120
#: Which share of the shadows a feature must gain more than, in percent; from strict to mild.
_BARS: Final = (75.0, 50.0, 25.0, 0.0)
#: How much AUC the kept features may seem to lose: less than a fold's own error.
_AUC_MARGIN: Final = 0.001


@dataclass(frozen=True, slots=True)
class Selected:
    """The features that stay, in their order, and the AUC of quick models with all and with these."""

    features: tuple[str, ...]
    dropped: tuple[str, ...]
    auc_with_all: float
    auc_with_selected: float


def select_features(
    dataset: Dataset, rows: Rows, settings: FitSettings, *, seed: int, watch: Watch
) -> Selected:
    """The inputs of `dataset` worth having, judged on `rows` of its fit part.

    When the time is over before a bar was found that loses nothing, all of them stay.
    """
    names = dataset.inputs
    quick = replace(settings, learning_rate=0.1, num_leaves=16)
    features, target = dataset.select(rows, names), dataset.target[rows]
    fold_of = folds(target, _N_FOLDS, seed=seed, persons=dataset.persons[rows])
    gains, with_all = _gains(features, target, fold_of, quick, seed=seed, watch=watch)
    for step, bar in enumerate(_BARS):
        if watch.budget.is_over():
            break
        watch.progress("selecting features", 0.5 + step / (2 * len(_BARS)))
        least = np.percentile(gains[:, len(names) :], bar, axis=1, keepdims=True)
        is_kept = (gains[:, : len(names)] > least).sum(axis=0) > _N_FOLDS // 2
        if not is_kept.any():
            continue
        with_kept = _auc(features[:, is_kept], target, fold_of, quick, seed)
        if with_kept >= with_all - _AUC_MARGIN:
            kept = tuple(name for name, stays in zip(names, is_kept, strict=True) if stays)
            dropped = tuple(name for name, stays in zip(names, is_kept, strict=True) if not stays)
            return Selected(kept, dropped, with_all, with_kept)
    return Selected(names, (), with_all, with_all)


def _gains(
    features: Features,
    target: npt.NDArray[np.int64],
    fold_of: Rows,
    settings: FitSettings,
    *,
    seed: int,
    watch: Watch,
) -> tuple[npt.NDArray[np.float64], float]:
    """The gain of each feature and shadow, `(n_folds, n_features + n_shadows)`, and the AUC without shadows.

    Categories go in as numbers, real and shuffled alike: a shadow of one kind only would be no measure
    of the other.
    """
    random = np.random.default_rng(seed)
    shadowed = features[:, random.permutation(features.shape[1])[:_SHADOWS]]
    shadows = shadowed[random.permutation(len(shadowed))]
    both = np.hstack([features, shadows])
    gains = []
    for fold in range(_N_FOLDS):
        watch.progress("selecting features", fold / (2 * _N_FOLDS))
        gains.append(_quick_fit(both[fold_of != fold], target[fold_of != fold], settings, seed).gain())
    return np.vstack(gains), _auc(features, target, fold_of, settings, seed)


def _auc(
    features: Features, target: npt.NDArray[np.int64], fold_of: Rows, settings: FitSettings, seed: int
) -> float:
    aucs = []
    for fold in range(_N_FOLDS):
        seen, unseen = fold_of != fold, fold_of == fold
        fitted = _quick_fit(features[seen], target[seen], settings, seed)
        aucs.append(auc_of(fitted.probabilities(features[unseen]), target[unseen]))
    return float(np.mean(aucs))


@dataclass(frozen=True, slots=True)
class _QuickModel:
    booster: object
    num_threads: int

    def gain(self) -> npt.NDArray[np.float64]:
        gain: npt.NDArray[np.float64] = self.booster.feature_importance("gain")  # type: ignore[attr-defined]
        return gain

    def probabilities(self, features: Features) -> npt.NDArray[np.float64]:
        scored: npt.NDArray[np.float64] = self.booster.predict(  # type: ignore[attr-defined]
            features, num_threads=self.num_threads
        )
        return scored


def _quick_fit(
    features: Features, target: npt.NDArray[np.int64], settings: FitSettings, seed: int
) -> _QuickModel:
    names = [f"c{column}" for column in range(features.shape[1])]
    grown = bins(features, target, names, settings.parameters(seed=seed))
    booster = grow(grown, settings, n_trees=_TREES, seed=seed, watch=Watch(lambda *_: None))
    return _QuickModel(booster, settings.num_threads)
