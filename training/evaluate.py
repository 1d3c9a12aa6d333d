"""Says how good a model is, on rows that nothing was chosen on.

Pure: probabilities and outcomes in, facts out. The figures go to MLflow, into the bundle's lineage
and through the gates of a promotion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score, roc_curve

from scorer.policy import CutOffs
from training.cost import FALSE_NEGATIVE_COST, FALSE_POSITIVE_COST, cost_per_applicant

Probabilities = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]

_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the applicants, decile 1 the safest: how many, the PD promised and the bad rate seen."""

    decile: int
    applicants: int
    mean_probability: float
    bad_rate: float


def evaluate(
    probabilities: Probabilities, target: Target, *, cut_offs: CutOffs, break_even: float
) -> dict[str, float]:
    """The model's figures by name; cost in good loans per applicant, rates and errors as shares."""
    auc = float(roc_auc_score(target, probabilities))
    false_positive_rate, true_positive_rate, _ = roc_curve(target, probabilities)
    approved = probabilities < cut_offs.approve_below
    declined = probabilities >= cut_offs.decline_from
    return {
        "auc": auc,
        "gini": 2.0 * auc - 1.0,
        "ks": float(np.max(true_positive_rate - false_positive_rate)),
        "average_precision": float(average_precision_score(target, probabilities)),
        "brier": float(brier_score_loss(target, probabilities)),
        "log_loss": float(log_loss(target, probabilities)),
        "ece": expected_calibration_error(probabilities, target),
        "cost_per_applicant": cost_per_applicant(probabilities, target, break_even),
        "break_even": break_even,
        "approval_rate": float(np.mean(approved)),
        "refer_rate": float(np.mean(~approved & ~declined)),
        "decline_rate": float(np.mean(declined)),
        "bad_rate": float(np.mean(target)),
        "bad_rate_approved": _mean_or_zero(target[approved]),
        "applicants": float(len(target)),
    }


def evaluate_baselines(external_mean: npt.NDArray[np.float64], target: Target) -> dict[str, float]:
    """What costs nothing to have: the mean external score alone, and deciding alike for all.

    `external_mean`, `(n_rows,)`, may be missing; such a row is ranked at the mean of the others.
    """
    known = ~np.isnan(external_mean)
    filled = np.where(known, external_mean, external_mean[known].mean() if known.any() else 0.0)
    bad_rate = float(np.mean(target))
    return {
        "baseline_external_mean_auc": float(roc_auc_score(target, -filled)),
        "baseline_approve_all_cost": FALSE_NEGATIVE_COST * bad_rate,
        "baseline_decline_all_cost": FALSE_POSITIVE_COST * (1.0 - bad_rate),
    }


def deciles(probabilities: Probabilities, target: Target) -> list[Decile]:
    """The decile table, safest first; ties keep the rows' order."""
    order = np.argsort(probabilities, kind="stable")
    return [
        Decile(
            decile=number,
            applicants=len(rows),
            mean_probability=float(np.mean(probabilities[rows])),
            bad_rate=float(np.mean(target[rows])),
        )
        for number, rows in enumerate(np.array_split(order, _BINS), 1)
        if len(rows)
    ]


def expected_calibration_error(probabilities: Probabilities, target: Target) -> float:
    """Mean distance between promised and seen bad rate over the deciles, weighted by applicants."""
    return sum(
        bin_.applicants / len(target) * abs(bin_.mean_probability - bin_.bad_rate)
        for bin_ in deciles(probabilities, target)
    )


def _mean_or_zero(values: Target) -> float:
    return float(np.mean(values)) if len(values) else 0.0
