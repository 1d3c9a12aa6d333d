"""Chooses and fits the calibrator: the step from margins to probabilities that can be trusted.

Isotonic regression follows any shape but needs many defaults; Platt's curve has two numbers. The
better of the two in cross-validation, by log loss, is then fitted on all of the part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from scorer.calibration import Calibrator, Isotonic, Platt, check_calibrator
from scorer.errors import BundleRefused
from training.split import Rows, folds

Margins = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]

_FOLDS: Final = 5
_LEAST_SLOPE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class ChosenCalibrator:
    """The calibrator, and what it gave rows that it was not fitted on.

    `out_of_fold` are the part's probabilities, each from a calibrator that did not see the person:
    what cut-offs may be chosen on. `log_losses` are the candidates', by kind.
    """

    calibrator: Calibrator
    out_of_fold: npt.NDArray[np.float64]
    log_losses: dict[str, float]


def choose_calibrator(
    margins: Margins, target: Target, *, seed: int, persons: Rows | None = None
) -> ChosenCalibrator:
    """The calibrator with the lower log loss over five folds; Platt's when they are level.

    `persons` has equal numbers for the rows of one person, who is in one fold only: isotonic regression
    would know the steps that it took from a person's other rows again.
    """
    fold_of = folds(target, _FOLDS, seed=seed, persons=persons)
    candidates: dict[str, Callable[[Margins, Target], Calibrator]] = {
        "platt": fit_platt,
        "isotonic": fit_isotonic,
    }
    out_of_fold = {kind: _out_of_fold(fit, margins, target, fold_of) for kind, fit in candidates.items()}
    losses = {kind: float(log_loss(target, probabilities)) for kind, probabilities in out_of_fold.items()}
    kind = min(losses, key=losses.__getitem__)
    calibrator = candidates[kind](margins, target)
    if not _is_sound(calibrator):
        kind, calibrator = "platt", fit_platt(margins, target)
    return ChosenCalibrator(calibrator=calibrator, out_of_fold=out_of_fold[kind], log_losses=losses)


def fit_platt(margins: Margins, target: Target) -> Platt:
    """Platt's curve by maximum likelihood; all but flat at the bad rate where margins tell nothing.

    A PD may not fall with the margin, so a model that has learnt nothing promises everybody the same.
    """
    fitted = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(margins.reshape(-1, 1), target)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope < _LEAST_SLOPE:
        slope, intercept = _LEAST_SLOPE, float(np.log(target.mean() / (1.0 - target.mean())))
    return Platt(slope=slope, intercept=intercept)


def fit_isotonic(margins: Margins, target: Target) -> Isotonic:
    """Isotonic regression; no probability closer to 0 or 1 than half a row of the part."""
    edge = 0.5 / len(margins)
    fitted = IsotonicRegression(y_min=edge, y_max=1.0 - edge, out_of_bounds="clip").fit(margins, target)
    knots, first = np.unique(fitted.X_thresholds_, return_index=True)
    return Isotonic(
        margins=tuple(knots.tolist()), probabilities_at=tuple(fitted.y_thresholds_[first].tolist())
    )


def _out_of_fold(
    fit: Callable[[Margins, Target], Calibrator], margins: Margins, target: Target, fold_of: Rows
) -> npt.NDArray[np.float64]:
    probabilities = np.empty(len(margins))
    for fold in range(_FOLDS):
        seen, unseen = fold_of != fold, fold_of == fold
        probabilities[unseen] = fit(margins[seen], target[seen]).probabilities(margins[unseen])
    return probabilities


def _is_sound(calibrator: Calibrator) -> bool:
    try:
        check_calibrator(calibrator)
    except BundleRefused:
        return False
    return True
