"""Business cost and the cut-offs that keep it low.

A default that was approved costs what ten good loans bring: 10 per false negative, 1 per false
positive, per applicant. For true probabilities the break-even is 1/11.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from scorer.policy import CutOffs

FALSE_NEGATIVE_COST: Final = 10.0
FALSE_POSITIVE_COST: Final = 1.0
THEORETICAL_BREAK_EVEN: Final = FALSE_POSITIVE_COST / (FALSE_NEGATIVE_COST + FALSE_POSITIVE_COST)

#: What a person's look at an application costs, in good loans. Where deciding one way or the other
#: differs by less, the application is referred: |11 PD - 1| < 0.25.
REVIEW_COST: Final = 0.25

Probabilities = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]


def cost_per_applicant(probabilities: Probabilities, target: Target, cut_off: float) -> float:
    """Cost of approving everybody below `cut_off` and nobody else; 10 x bad rate approves all."""
    is_approved = probabilities < cut_off
    false_negatives = np.count_nonzero(is_approved & (target == 1))
    false_positives = np.count_nonzero(~is_approved & (target == 0))
    return float(FALSE_NEGATIVE_COST * false_negatives + FALSE_POSITIVE_COST * false_positives) / len(target)


def cost_curve(probabilities: Probabilities, target: Target) -> tuple[Probabilities, Probabilities]:
    """Cut-offs between 0.01 and 0.5, and the cost per applicant at each."""
    cut_offs = np.round(np.linspace(0.01, 0.5, 491), 4)
    return cut_offs, np.array([cost_per_applicant(probabilities, target, cut_off) for cut_off in cut_offs])


def break_even(probabilities: Probabilities, target: Target) -> float:
    """The cut-off nearest to 1/11 among those that the rows cannot tell from the cheapest one.

    Two cut-offs treat the applicants between them differently and all others alike; they are told
    apart when what these cost differs by more than its standard error.
    """
    cut_offs, costs = cost_curve(probabilities, target)
    cheapest = float(cut_offs[np.argmin(costs)])
    errors = np.array([_standard_error(probabilities, target, cheapest, cut_off) for cut_off in cut_offs])
    level = cut_offs[costs - costs.min() <= errors]
    return float(level[np.argmin(np.abs(level - THEORETICAL_BREAK_EVEN))])


def _standard_error(probabilities: Probabilities, target: Target, first: float, second: float) -> float:
    low, high = min(first, second), max(first, second)
    between = target[(probabilities >= low) & (probabilities < high)]
    squares = np.where(between == 1, FALSE_NEGATIVE_COST**2, FALSE_POSITIVE_COST**2)
    return float(np.sqrt(np.sum(squares))) / len(target)


def cut_offs_around(break_even: float) -> CutOffs:
    """Approve well below the break-even, decline well above, refer where a review is worth its cost."""
    return CutOffs(
        approve_below=break_even * (1.0 - REVIEW_COST),
        decline_from=min(break_even * (1.0 + REVIEW_COST), 0.99),
    )
