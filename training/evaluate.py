"""Says how good a model is, on rows that nothing was chosen on.

Pure: probabilities and outcomes in, facts out. The figures go to MLflow, into the bundle's lineage
and through the gates of a promotion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc  # type: ignore[import-untyped]
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score, roc_curve

from scorer.policy import CutOffs
from training.cost import cost_per_applicant

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
        "calibration_p": calibration_p(probabilities, target),
        "cost_per_applicant": cost_per_applicant(probabilities, target, break_even),
        "break_even": break_even,
        "approval_rate": float(np.mean(approved)),
        "refer_rate": float(np.mean(~approved & ~declined)),
        "decline_rate": float(np.mean(declined)),
        "bad_rate": float(np.mean(target)),
        "bad_rate_approved": _mean_or_zero(target[approved]),
        "applicants": float(len(target)),
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


def calibration_p(probabilities: Probabilities, target: Target) -> float:
    """Chance that deciles differ by more than these do if each PD is true (Hosmer & Lemeshow 1980).

    On rows that nothing was fitted on, so with as many degrees of freedom as deciles.
    """
    table = [row for row in deciles(probabilities, target) if 0.0 < row.mean_probability < 1.0]
    statistic = sum(
        row.applicants
        * (row.bad_rate - row.mean_probability) ** 2
        / (row.mean_probability * (1.0 - row.mean_probability))
        for row in table
    )
    return float(chdtrc(len(table), statistic)) if table else 1.0


def _mean_or_zero(values: Target) -> float:
    return float(np.mean(values)) if len(values) else 0.0
