"""How the model did on loans whose end is known, against how it did in training. Pure.

Only granted loans have an end, so the reference is cut to applicants whom the model would have given the
same decisions: two crowds that went through the same gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.cost import cost_per_applicant
from training.growing import auc_of
from training.intervals import bootstrap_aucs

#: Fewer outcomes, or fewer defaults among them, say nothing of a ranking.
MIN_OUTCOMES: Final = 200
MIN_DEFAULTS: Final = 20
_SEED: Final = 20_180_517

Probabilities = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Applicants with the PD they were given, the decision, and what became of them."""

    probabilities: Probabilities
    decisions: npt.NDArray[np.str_]
    target: Target

    def among(self, decisions: set[str]) -> Judged:
        """Those who were decided so."""
        rows = np.isin(self.decisions, sorted(decisions))
        return Judged(self.probabilities[rows], self.decisions[rows], self.target[rows])

    @property
    def is_enough(self) -> bool:
        """Whether figures on them mean anything."""
        defaults = int(self.target.sum())
        return len(self.target) >= MIN_OUTCOMES and MIN_DEFAULTS <= defaults < len(self.target)


@dataclass(frozen=True, slots=True)
class Performance:
    """The same figures before and now, and how sure the differences are (in standard errors, `z`)."""

    outcomes: int
    auc_before: float
    auc_now: float
    auc_drop_z: float
    cost_before: float
    cost_now: float
    bad_rate_before: float
    bad_rate_now: float
    bad_rate_z: float
    expected_now: float
    calibration_z: float

    def as_metrics(self) -> dict[str, float]:
        """The figures by name."""
        return {
            "auc_before": self.auc_before,
            "auc": self.auc_now,
            "auc_drop_z": self.auc_drop_z,
            "cost_per_applicant_before": self.cost_before,
            "cost_per_applicant": self.cost_now,
            "bad_rate_before": self.bad_rate_before,
            "bad_rate": self.bad_rate_now,
            "bad_rate_z": self.bad_rate_z,
            "bad_rate_expected": self.expected_now,
            "calibration_z": self.calibration_z,
        }


def performance(reference: Judged, matured: Judged, cut_off: float) -> Performance | None:
    """The comparison, or None while there is not enough on either side."""
    reference = reference.among(set(np.unique(matured.decisions).tolist()))
    if not matured.is_enough or not reference.is_enough:
        return None
    before, now = _auc(reference), _auc(matured)
    bad_before, bad_now = float(reference.target.mean()), float(matured.target.mean())
    expected = float(matured.probabilities.mean())
    variance = float(np.sum(matured.probabilities * (1 - matured.probabilities))) / len(matured.target) ** 2
    share_variance = bad_before * (1 - bad_before) * (1 / len(reference.target) + 1 / len(matured.target))
    return Performance(
        outcomes=len(matured.target),
        auc_before=before[0],
        auc_now=now[0],
        auc_drop_z=(before[0] - now[0]) / max(float(np.hypot(before[1], now[1])), 1e-9),
        cost_before=cost_per_applicant(reference.probabilities, reference.target, cut_off),
        cost_now=cost_per_applicant(matured.probabilities, matured.target, cut_off),
        bad_rate_before=bad_before,
        bad_rate_now=bad_now,
        bad_rate_z=(bad_now - bad_before) / max(share_variance**0.5, 1e-9),
        expected_now=expected,
        calibration_z=(bad_now - expected) / max(variance**0.5, 1e-9),
    )


def _auc(rows: Judged) -> tuple[float, float]:
    """AUC and its bootstrap standard error."""
    auc = auc_of(rows.probabilities, rows.target)
    return auc, float(bootstrap_aucs(rows.probabilities, rows.target, seed=_SEED).std())
