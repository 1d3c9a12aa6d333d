"""A challenger against the model in Production, on the same applicants, whom neither has learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scorer.manifest import Lineage
from scorer.model import ServingModel
from training.cost import THEORETICAL_BREAK_EVEN, cost_per_applicant
from training.evaluate import expected_calibration_error
from training.growing import auc_of
from training.held_out import HeldOut
from training.intervals import auc_difference, cost_difference

#: Fewer rows than these tell two models apart by nothing but chance.
MIN_ROWS: Final = 200


class NotComparable(Exception):
    """The two models can't be held against each other; the message says why."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both models' figures on `applicants` rows; differences are challenger less Production.

    Standard errors are of the differences, on paired rows: what both get wrong alike cancels.
    """

    applicants: int
    auc: float
    production_auc: float
    auc_difference: float
    auc_standard_error: float
    cost: float
    production_cost: float
    cost_difference: float
    cost_standard_error: float
    production_ece: float

    def as_metrics(self) -> dict[str, float]:
        """The figures for a run, by name."""
        return {
            "production_auc": self.production_auc,
            "production_cost": self.production_cost,
            "production_ece": self.production_ece,
            "auc_over_production": self.auc_difference,
            "cost_over_production": self.cost_difference,
        }


def compare(
    challenger: ServingModel,
    production: ServingModel,
    learnt_by_production: HeldOut | None,
    rows: HeldOut,
) -> Comparison:
    """Both on those of the challenger's held-out rows that Production has not learnt from.

    Each decides by its own calibrator and break-even. NotComparable if too few rows are left, or if
    Production wants a feature that they do not have.
    """
    if learnt_by_production is not None:
        rows = rows.without(learnt_by_production.learnt_from)
    if len(rows.target) < MIN_ROWS or not 0 < rows.target.sum() < len(rows.target):
        raise NotComparable(f"only {len(rows.target)} applicants that neither has learnt from")
    try:
        ours, theirs = _scored(challenger, rows), _scored(production, rows)
    except LookupError as error:
        raise NotComparable(str(error)) from error
    seed = challenger.lineage.seed
    _, auc_error = auc_difference(ours[0], theirs[0], rows.target, seed=seed)
    cost_delta, cost_error = cost_difference(ours, theirs, rows.target)
    auc, production_auc = auc_of(ours[0], rows.target), auc_of(theirs[0], rows.target)
    return Comparison(
        applicants=len(rows.target),
        auc=auc,
        production_auc=production_auc,
        auc_difference=auc - production_auc,
        auc_standard_error=auc_error,
        cost=cost_per_applicant(ours[0], rows.target, ours[1]),
        production_cost=cost_per_applicant(theirs[0], rows.target, theirs[1]),
        cost_difference=cost_delta,
        cost_standard_error=cost_error,
        production_ece=expected_calibration_error(theirs[0], rows.target),
    )


def _scored(model: ServingModel, rows: HeldOut) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    probabilities = model.probabilities(model.margins(rows.select(model.feature_names)))
    return probabilities, _break_even(model.lineage)


def _break_even(lineage: Lineage) -> float:
    return lineage.metrics.get("break_even", THEORETICAL_BREAK_EVEN)
