"""A challenger against the model in Production, on the same applicants, whom neither has learnt from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from scorer.manifest import Lineage
from scorer.model import LatencyBudget, ServingModel
from training.cost import THEORETICAL_BREAK_EVEN, cost_per_applicant
from training.evaluate import expected_calibration_error
from training.growing import auc_of
from training.held_out import HeldOut
from training.intervals import MIN_OF_A_CLASS, around, auc_difference, cost_difference, is_measurable

#: For models that are only measured: how fast a row is on a busy machine must not end a comparison.
UNHURRIED: Final = LatencyBudget(margin_ms=math.inf, contributions_ms=math.inf)


class NotComparable(Exception):
    """The two models can't be held against each other; the message says why."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of both models; the difference is challenger less Production.

    The standard error is of the difference, on paired rows: what both get wrong alike cancels.
    """

    ours: float
    production: float
    standard_error: float

    @property
    def difference(self) -> float:
        """Challenger less Production."""
        return self.ours - self.production

    @property
    def chance(self) -> float:
        """How far from 0 the difference of equally good models is in 5 % of all draws of applicants."""
        return around(0.0, self.standard_error).high


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both models on the same `applicants`."""

    applicants: int
    auc: Compared
    cost: Compared
    production_ece: float

    def as_metrics(self) -> dict[str, float]:
        """The figures for a run, by name."""
        return {
            "production_auc": self.auc.production,
            "production_cost": self.cost.production,
            "production_ece": self.production_ece,
            "auc_over_production": self.auc.difference,
            "cost_over_production": self.cost.difference,
        }


def compare(
    challenger: ServingModel,
    production: ServingModel,
    learnt_by_production: HeldOut | None,
    rows: HeldOut,
) -> Comparison:
    """Both on those of the challenger's held-out rows that Production has not learnt from.

    Each decides by its own calibrator and break-even. NotComparable if too few of a class are left, or if
    Production wants a feature that they do not have.
    """
    if learnt_by_production is not None:
        rows = rows.without(learnt_by_production.learnt_from)
    if not is_measurable(rows.target):
        raise NotComparable(
            f"only {rows.target.sum()} defaults among {len(rows.target)} applicants that neither has learnt"
            f" from; {MIN_OF_A_CLASS} of each class are needed"
        )
    try:
        ours, theirs = _scored(challenger, rows), _scored(production, rows)
    except LookupError as error:
        raise NotComparable(str(error)) from error
    _, auc_error = auc_difference(ours[0], theirs[0], rows.target, seed=challenger.lineage.seed)
    _, cost_error = cost_difference(ours, theirs, rows.target)
    return Comparison(
        applicants=len(rows.target),
        auc=Compared(auc_of(ours[0], rows.target), auc_of(theirs[0], rows.target), auc_error),
        cost=Compared(
            cost_per_applicant(ours[0], rows.target, ours[1]),
            cost_per_applicant(theirs[0], rows.target, theirs[1]),
            cost_error,
        ),
        production_ece=expected_calibration_error(theirs[0], rows.target),
    )


def _scored(model: ServingModel, rows: HeldOut) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    probabilities = model.probabilities(model.margins(rows.select(model.feature_names)))
    return probabilities, _break_even(model.lineage)


def _break_even(lineage: Lineage) -> float:
    return lineage.metrics.get("break_even", THEORETICAL_BREAK_EVEN)
