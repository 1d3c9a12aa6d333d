"""What a model must beat, measured in the same run on the same held-out applicants.

The mean external score alone; a logistic regression on everything the model may use; deciding alike
for all. The model in Production is the fourth: `training.challenge`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from feature_service.application import FEATURE_BY_NAME, Features
from training.calibrate import fit_platt
from training.cost import FALSE_NEGATIVE_COST, FALSE_POSITIVE_COST, break_even, cost_per_applicant
from training.dataset import Dataset
from training.evaluate import expected_calibration_error
from training.growing import auc_of

Values = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]

#: Rows that the regression learns from: more move its AUC in the fourth digit.
_MAX_ROWS: Final = 30_000
_MAX_STEPS: Final = 40


def evaluate_baselines(dataset: Dataset, names: Sequence[str]) -> dict[str, float]:
    """AUC, cost and ECE of each baseline; cut-offs and calibration from the choose part, as the model's."""
    parts = dataset.parts
    external = dataset.select(np.concatenate([parts.choose, parts.held_out]), ["EXT_SOURCE_MEAN"])[:, 0]
    scores = -_filled(external.astype(np.float64))
    n_choose = len(parts.choose)
    target = dataset.target[parts.held_out]
    bad_rate = float(np.mean(target))
    logistic = fit_logistic(dataset, names)
    return {
        **_figures("external_mean", scores[:n_choose], scores[n_choose:], dataset),
        **_figures(
            "logistic",
            logistic.log_odds(dataset.select(parts.choose, names)),
            logistic.log_odds(dataset.select(parts.held_out, names)),
            dataset,
        ),
        "baseline_approve_all_cost": FALSE_NEGATIVE_COST * bad_rate,
        "baseline_decline_all_cost": FALSE_POSITIVE_COST * (1.0 - bad_rate),
    }


def _figures(name: str, chosen: Values, held_out: Values, dataset: Dataset) -> dict[str, float]:
    chosen_target = dataset.target[dataset.parts.choose]
    target = dataset.target[dataset.parts.held_out]
    calibrator = fit_platt(chosen, chosen_target)
    cut_off = break_even(calibrator.probabilities(chosen), chosen_target)
    probabilities = calibrator.probabilities(held_out)
    return {
        f"baseline_{name}_auc": auc_of(held_out, target),
        f"baseline_{name}_cost": cost_per_applicant(probabilities, target, cut_off),
        f"baseline_{name}_ece": expected_calibration_error(probabilities, target),
    }


def _filled(values: Values) -> Values:
    """Missing values ranked at the mean of the others."""
    known = ~np.isnan(values)
    return np.where(known, values, values[known].mean() if known.any() else 0.0)


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression over standardised numbers, missing flags and one column per category."""

    is_category: npt.NDArray[np.bool_]
    n_categories: tuple[int, ...]
    middle: Values
    scale: Values
    weights: Values
    intercept: float

    def log_odds(self, features: Features) -> Values:
        """Log-odds of `(n_rows, n_names)`, `(n_rows,)`."""
        scores: Values = self.design(features) @ self.weights + self.intercept
        return scores

    def design(self, features: Features) -> npt.NDArray[np.float32]:
        """The regression's own columns, `(n_rows, n_weights)`."""
        numbers = features[:, ~self.is_category]
        is_missing = np.isnan(numbers)
        numbers = np.clip((numbers - self.middle) / self.scale, -5.0, 5.0)
        numbers[is_missing] = 0.0
        codes = features[:, self.is_category]
        hot = [codes[:, [column]] == np.arange(count) for column, count in enumerate(self.n_categories)]
        return np.hstack([numbers, is_missing, *hot]).astype(np.float32)


def fit_logistic(dataset: Dataset, names: Sequence[str]) -> Logistic:
    """The regression on (at most `_MAX_ROWS` of) the fit part, lightly regularised."""
    fit = dataset.parts.fit
    rows = fit[:: max(1, -(-len(fit) // _MAX_ROWS))]
    features = dataset.select(rows, names)
    categories = [FEATURE_BY_NAME[name].categories if name in FEATURE_BY_NAME else () for name in names]
    is_category = np.array([bool(of_name) for of_name in categories])
    with warnings.catch_warnings():
        # A column without a single value has no median, and forty steps are enough for a baseline.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        numbers = features[:, ~is_category].astype(np.float64)
        low, middle, high = np.nanpercentile(numbers, [25, 50, 75], axis=0)
        scale = np.where(high > low, (high - low) / 1.35, 1.0)
        scale = np.where(np.isfinite(scale), scale, 1.0)
        empty = Logistic(
            is_category=is_category,
            n_categories=tuple(len(of_name) for of_name in categories if of_name),
            middle=np.nan_to_num(middle),
            scale=scale,
            weights=np.empty(0),
            intercept=0.0,
        )
        fitted = LogisticRegression(C=0.1, max_iter=_MAX_STEPS).fit(
            empty.design(features), dataset.target[rows]
        )
    return Logistic(
        is_category=empty.is_category,
        n_categories=empty.n_categories,
        middle=empty.middle,
        scale=empty.scale,
        weights=fitted.coef_[0].astype(np.float64),
        intercept=float(fitted.intercept_[0]),
    )
