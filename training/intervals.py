"""How far a figure might be off by chance: bootstrap intervals of AUC and cost, Wilson's for a share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.cost import FALSE_NEGATIVE_COST, FALSE_POSITIVE_COST

Probabilities = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]

RESAMPLES: Final = 300
#: With fewer of a class, resampling does not know how far an AUC may be off.
MIN_OF_A_CLASS: Final = 10
_LEVEL: Final = 0.95
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval, both ends included."""

    low: float
    high: float


def is_measurable(target: Target) -> bool:
    """Whether there are enough of both classes for an AUC with an error that can be believed."""
    bad = int(target.sum())
    return min(bad, len(target) - bad) >= MIN_OF_A_CLASS


def bootstrap_aucs(probabilities: Probabilities, target: Target, *, seed: int) -> Probabilities:
    """AUC of each resample, `(RESAMPLES,)`; the classes keep their sizes.

    One sort serves all resamples: a row drawn twice is a weight of two.
    """
    random = np.random.default_rng(seed)
    _, tied = np.unique(probabilities, return_inverse=True)
    n_values = int(tied.max()) + 1
    bad_values, good_values = tied[target == 1], tied[target == 0]
    aucs = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        bad = np.bincount(random.choice(bad_values, len(bad_values)), minlength=n_values)
        good = np.bincount(random.choice(good_values, len(good_values)), minlength=n_values)
        good_below = np.cumsum(good) - 0.5 * good
        aucs[number] = (bad * good_below).sum() / (len(bad_values) * len(good_values))
    return aucs


def auc_interval(probabilities: Probabilities, target: Target, *, seed: int) -> Interval:
    """The AUC's percentile interval (Efron & Tibshirani 1993)."""
    if not 0 < target.sum() < len(target):
        return Interval(0.5, 0.5)
    return _percentiles(bootstrap_aucs(probabilities, target, seed=seed))


def cost_interval(probabilities: Probabilities, target: Target, cut_off: float) -> Interval:
    """The cost per applicant's interval: a mean of costs, so its standard error says it."""
    costs = _costs(probabilities, target, cut_off)
    return around(float(costs.mean()), float(costs.std() / math.sqrt(len(costs))))


def cost_difference(
    first: tuple[Probabilities, float], second: tuple[Probabilities, float], target: Target
) -> tuple[float, float]:
    """Cost per applicant of the first less the second, on the same rows, and its standard error.

    Each is probabilities and a cut-off.
    """
    differences = _costs(first[0], target, first[1]) - _costs(second[0], target, second[1])
    return float(differences.mean()), float(differences.std() / math.sqrt(len(differences)))


def auc_difference(
    first: Probabilities, second: Probabilities, target: Target, *, seed: int
) -> tuple[float, float]:
    """AUC of the first less the second, on the same rows, and its bootstrap standard error.

    Both are resampled alike (the same seed draws the same rows), so what they share cancels.
    """
    differences = bootstrap_aucs(first, target, seed=seed) - bootstrap_aucs(second, target, seed=seed)
    return float(np.mean(differences)), float(np.std(differences))


def share_interval(count: int, total: int) -> Interval:
    """Wilson's interval of a share (1927): sound for few rows and for shares near 0 and 1."""
    if total == 0:
        return Interval(0.0, 1.0)
    share, z2 = count / total, _Z**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def ratio_interval(first: tuple[int, int], second: tuple[int, int]) -> Interval:
    """The ratio of two shares, each as count and total, on a log scale (Katz et al. 1978).

    A first count of 0 has no logarithm: then the upper end is that of its share alone.
    """
    (count, total), (other_count, other_total) = first, second
    if not other_count:
        return Interval(0.0, math.inf)
    if not count:
        return Interval(0.0, share_interval(0, total).high * other_total / other_count)
    ratio = (count / total) / (other_count / other_total)
    half = _Z * math.sqrt(1 / count - 1 / total + 1 / other_count - 1 / other_total)
    return Interval(ratio * math.exp(-half), ratio * math.exp(half))


def around(middle: float, standard_error: float) -> Interval:
    """The normal interval."""
    return Interval(middle - _Z * standard_error, middle + _Z * standard_error)


def _costs(probabilities: Probabilities, target: Target, cut_off: float) -> Probabilities:
    is_approved = probabilities < cut_off
    return np.where(is_approved, target * FALSE_NEGATIVE_COST, (1 - target) * FALSE_POSITIVE_COST)


def _percentiles(values: Probabilities) -> Interval:
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(float(low), float(high))
