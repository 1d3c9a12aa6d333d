"""Drops features that a model does no better for: less to compute, to explain and to go wrong.

A feature must split better than noise does. Quick models are grown with shuffled copies of real
features beside them (Kursa & Rudnicki 2010 call these shadows); what gains no more than most shadows
do, in most folds, goes. If the quick models miss what was dropped, the bar is lowered, down to dropping
what was never used at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from feature_service.application import Features
from training.dataset import Dataset, Target
from training.fit import FitSettings, Progress, Watch, bins, grow
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
    """The features that stay and those that go, in their order, and why.

    AUCs are of quick models with all features and with those that stay; `gains` is what each feature gained
    in them, mean of the folds, and `noise_gain` what it had to gain more than (0 when nothing was dropped).
    `is_cut_short` when all of them stay because the time was over.
    """

    features: tuple[str, ...]
    dropped: tuple[str, ...]
    auc_with_all: float
    auc_with_selected: float
    gains: dict[str, float]
    noise_gain: float
    is_cut_short: bool = False

    def as_metrics(self) -> dict[str, float]:
        """The figures for a run, by name."""
        return {
            "selection_auc_with_all": self.auc_with_all,
            "selection_auc_with_selected": self.auc_with_selected,
            "features_dropped": float(len(self.dropped)),
        }


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
    fit = QuickFit(quick, seed, Watch(lambda *_: None, watch.budget))
    gains, with_all = _gains(features, target, fold_of, fit, watch.progress)
    gain_of = dict(zip(names, gains[:, : len(names)].mean(axis=0).tolist(), strict=True))
    for step, bar in enumerate(_BARS):
        watch.progress("selecting features", 0.5 + step / (2 * len(_BARS)))
        least = np.percentile(gains[:, len(names) :], bar, axis=1, keepdims=True)
        is_kept = (gains[:, : len(names)] > least).sum(axis=0) > _N_FOLDS // 2
        if not is_kept.any():
            continue
        with_kept = _auc(features[:, is_kept], target, fold_of, fit)
        # Models that the clock stopped tell nothing.
        if watch.budget.is_over():
            break
        if with_kept >= with_all - _AUC_MARGIN:
            kept = tuple(name for name, stays in zip(names, is_kept, strict=True) if stays)
            dropped = tuple(name for name, stays in zip(names, is_kept, strict=True) if not stays)
            return Selected(kept, dropped, with_all, with_kept, gain_of, float(least.mean()))
    is_cut_short = watch.budget.is_over()
    return Selected(names, (), with_all, with_all, gain_of, 0.0, is_cut_short=is_cut_short)


def _gains(
    features: Features, target: Target, fold_of: Rows, fit: QuickFit, progress: Progress
) -> tuple[npt.NDArray[np.float64], float]:
    """The gain of each feature and shadow, `(n_folds, n_features + n_shadows)`, and the AUC without shadows.

    Categories go in as numbers, real and shuffled alike: a shadow of one kind only would be no measure
    of the other.
    """
    random = np.random.default_rng(fit.seed)
    shadowed = features[:, random.permutation(features.shape[1])[:_SHADOWS]]
    shadows = shadowed[random.permutation(len(shadowed))]
    both = np.hstack([features, shadows])
    gains = []
    for fold in range(_N_FOLDS):
        progress("selecting features", fold / (2 * _N_FOLDS))
        grown = fit(both[fold_of != fold], target[fold_of != fold])
        gains.append(grown.feature_importance("gain"))
    return np.vstack(gains), _auc(features, target, fold_of, fit)


def _auc(features: Features, target: Target, fold_of: Rows, fit: QuickFit) -> float:
    aucs = []
    for fold in range(_N_FOLDS):
        seen, unseen = fold_of != fold, fold_of == fold
        grown = fit(features[seen], target[seen])
        scored = grown.predict(features[unseen], num_threads=fit.settings.num_threads)
        aucs.append(auc_of(scored, target[unseen]))
    return float(np.mean(aucs))


@dataclass(frozen=True, slots=True)
class QuickFit:
    """Grows a small model; when the time is over, a smaller one."""

    settings: FitSettings
    seed: int
    watch: Watch

    def __call__(self, features: Features, target: Target) -> Any:
        """The booster, fitted on `(n_rows, n_features)`."""
        names = [f"c{column}" for column in range(features.shape[1])]
        grown = bins(features, target, names, self.settings.parameters(seed=self.seed))
        return grow(grown, self.settings, n_trees=_TREES, seed=self.seed, watch=self.watch)
