"""From a margin (log-odds as the trees see them) to a probability of default.

A calibrator is a few numbers in the bundle, fitted by `training.calibrate`. Two families: Platt's
logistic curve, and isotonic regression as a line through knots. Each row is computed by itself
with the C library's `exp`, so that a row's probability does not depend on its batch.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from scorer.errors import BundleRefused, Refusal

Margins = npt.NDArray[np.float64]
Probabilities = npt.NDArray[np.float64]


class Platt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="platt"):
    """PD = 1 / (1 + exp(-(slope * margin + intercept))); slope above 0 (Platt 1999)."""

    slope: float
    intercept: float

    def probabilities(self, margins: Margins) -> Probabilities:
        """The PD of each margin, `(n_rows,)`, inside [0, 1]."""
        return np.array([_sigmoid(self.slope * margin + self.intercept) for margin in margins.tolist()])


class Isotonic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="isotonic"):
    """PD by straight lines between knots, flat beyond the ends; knots rise in margin, never fall in PD."""

    margins: tuple[float, ...]
    probabilities_at: tuple[float, ...]

    def probabilities(self, margins: Margins) -> Probabilities:
        """The PD of each margin, `(n_rows,)`, inside [0, 1]."""
        return np.interp(margins, self.margins, self.probabilities_at)


Calibrator = Platt | Isotonic

#: Over the golden rows PD must move at least this much: less is no score point at any PD that is lent at.
_LEAST_RISE: Final = 1e-7
#: How far a curve that rises may seem to fall where it is flat: the last bits of its arithmetic.
_ROUNDING: Final = 1e-12


def check_calibrator(calibrator: Calibrator) -> None:
    """Return if PD can only rise with the margin and stays in (0, 1); BundleRefused otherwise."""
    is_sound = (
        _is_sound_platt(calibrator) if isinstance(calibrator, Platt) else _is_sound_isotonic(calibrator)
    )
    if not is_sound:
        raise BundleRefused(
            Refusal.BAD_CALIBRATOR, "must be finite, rise with the margin and stay between 0 and 1"
        )


def check_probabilities(calibrator: Calibrator, margins: Margins) -> None:
    """Return if these margins, which differ, get probabilities that do; BundleRefused otherwise."""
    probabilities = calibrator.probabilities(np.sort(margins))
    is_inside = ((probabilities >= 0.0) & (probabilities <= 1.0)).all()  # NaN is not
    if not is_inside or (np.diff(probabilities) < -_ROUNDING).any():
        raise BundleRefused(
            Refusal.BAD_CALIBRATOR,
            "a golden row's probability is outside of [0, 1], or falls with the margin",
        )
    if probabilities[-1] - probabilities[0] < _LEAST_RISE:
        raise BundleRefused(
            Refusal.CONSTANT_OUTPUT,
            f"every golden row has the probability {probabilities[0]:.9g}, whatever its margin",
        )


def _is_sound_platt(platt: Platt) -> bool:
    return math.isfinite(platt.slope) and math.isfinite(platt.intercept) and platt.slope > 0.0


def _is_sound_isotonic(isotonic: Isotonic) -> bool:
    margins, probabilities = isotonic.margins, isotonic.probabilities_at
    return (
        len(margins) == len(probabilities) >= 2
        and all(map(math.isfinite, margins))
        and all(low < high for low, high in pairwise(margins))
        and all(low <= high for low, high in pairwise(probabilities))
        and 0.0 < probabilities[0] < probabilities[-1] < 1.0
    )


def _sigmoid(log_odds: float) -> float:
    if log_odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds) if log_odds > -745.0 else 0.0
    return odds / (1.0 + odds)
