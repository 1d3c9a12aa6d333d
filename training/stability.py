"""Population stability index: how far a column has moved from its reference. Pure: arrays in, figures out.

PSI = sum over bins of (share now - share then) * ln(share now / share then). Bins are the deciles of the
reference, a bin of its own for a value that is two of them at once, the values themselves where they are
few or codes of a category, one for missing and one for what the reference never had. Half a row is added to
each bin, so that an empty one is not infinitely far.

A training run asks how far the applications to be scored are from those it is judged on, `training.drift`
how far a period is from them. By custom below 0.1 is calm and above 0.25 has moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from feature_service.application import CATEGORY_NAMES, Features

_DECILES: Final = np.linspace(0.1, 0.9, 9)
_FEW_VALUES: Final = 15
_RARE: Final = 0.01
_PRIOR: Final = 0.5
#: More rows move a PSI in its third digit.
_MAX_ROWS: Final = 50_000

Column = npt.NDArray[np.floating]
Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of a reference column, and its counts in them; the last two are missing and never seen."""

    cuts: Column
    is_few_values: bool
    counts: Counts

    def count(self, values: Column) -> Counts:
        """How many of `values` are in each bin."""
        missing = np.isnan(values)
        known = values[~missing]
        inner = np.searchsorted(self.cuts, known, side="left" if self.is_few_values else "right")
        n_inner = len(self.counts) - 2
        if self.is_few_values:
            at = np.minimum(inner, len(self.cuts) - 1)
            inner = np.where(self.cuts[at] == known, at, n_inner + 1) if len(self.cuts) else inner + 1
        counts = np.bincount(inner, minlength=n_inner + 2).astype(np.float64)
        counts[n_inner] = missing.sum()
        return counts


def bins_of(reference: Column, *, is_category: bool = False) -> Bins:
    """The bins of a reference column."""
    known = reference[~np.isnan(reference)]
    values = np.unique(known[:: max(1, len(known) // 5_000)])
    is_few = is_category or len(values) <= _FEW_VALUES
    cuts = np.unique(known) if is_few else _cuts(known)
    n_inner = len(cuts) if is_few else len(cuts) + 1
    empty = Bins(cuts, is_few, np.zeros(n_inner + 2))
    return Bins(cuts, is_few, empty.count(reference))


def psi(bins: Bins, current: Counts) -> float:
    """PSI of counts against the reference's; bins that are rare in both are one."""
    before, now = _pooled(bins.counts, current)
    before = (before + _PRIOR) / (before + _PRIOR).sum()
    now = (now + _PRIOR) / (now + _PRIOR).sum()
    return float(np.sum((now - before) * np.log(now / before)))


def psi_between(before: Column, now: Column, *, is_category: bool = False) -> float:
    """PSI of the column `now` against `before`; 0 when either has no rows."""
    if not len(before) or not len(now):
        return 0.0
    bins = bins_of(before, is_category=is_category)
    return psi(bins, bins.count(now))


def feature_psis(before: Features, now: Features, names: Sequence[str]) -> dict[str, float]:
    """The PSI of each column, highest first."""
    before, now = before[:_MAX_ROWS], now[:_MAX_ROWS]
    found = {
        name: psi_between(before[:, column], now[:, column], is_category=name in CATEGORY_NAMES)
        for column, name in enumerate(names)
    }
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


def _cuts(known: Column) -> Column:
    deciles = np.quantile(known, _DECILES, method="nearest")
    cuts, times = np.unique(deciles, return_counts=True)
    # A decile that is there twice is a value that a tenth has: it gets a bin of its own.
    after = np.nextafter(cuts[times > 1], np.inf, dtype=cuts.dtype)
    return np.unique(np.concatenate([cuts, after]))


def _pooled(before: Counts, now: Counts) -> tuple[Counts, Counts]:
    rare = (before < _RARE * before.sum()) & (now < _RARE * now.sum())
    if np.count_nonzero(rare) < 2:
        return before, now
    return (
        np.append(before[~rare], before[rare].sum()),
        np.append(now[~rare], now[rare].sum()),
    )
