"""How far columns have moved, by PSI, fast enough for all of them. Pure: arrays in, figures out.

PSI = sum over bins of (share now - share then) * ln(share now / share then). Bins are the deciles of the
reference, a bin of its own for a value that a tenth of the reference has, the values themselves where they
are few, one for missing and one for what the reference never had. Half a row is added to each bin, so that
an empty one is not infinitely far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

#: "Has moved a little" by custom; half a standard deviation of a normal column is 0.2.
MOVED: Final = 0.1
_DECILES: Final = np.linspace(0.1, 0.9, 9)
_FEW_VALUES: Final = 15
_RARE: Final = 0.01
_PRIOR: Final = 0.5
#: The 1 - 1e-6 quantile of the normal distribution: what chance alone does to one column in a million.
_Z: Final = 4.753

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


def psi_by_chance(n_bins: int, n_reference: int, n_current: int) -> float:
    """What PSI exceeds once in a million draws from the same population.

    Without drift PSI / (1/n + 1/m) is chi-squared with bins - 1 degrees of freedom (Yurdakul 2018);
    its quantile by Wilson and Hilferty.
    """
    freedom = max(n_bins - 1, 1)
    spread = 2.0 / (9.0 * freedom)
    quantile = freedom * (1.0 - spread + _Z * spread**0.5) ** 3
    return float(quantile * (1.0 / n_reference + 1.0 / n_current))


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column: its PSI and the bound it was held against, shares that are missing, share that is new."""

    name: str
    psi: float
    bound: float
    missing_before: float
    missing_now: float
    new_now: float

    @property
    def has_moved(self) -> bool:
        """Whether it moved by more than chance and by more than a little."""
        return self.psi >= self.bound


def column_drift(name: str, before: Column, now: Column, *, is_category: bool = False) -> ColumnDrift:
    """How far one column has moved."""
    bins = bins_of(before, is_category=is_category)
    counts = bins.count(now)
    by_chance = psi_by_chance(int(np.count_nonzero(bins.counts)), len(before), len(now))
    return ColumnDrift(
        name=name,
        psi=psi(bins, counts),
        bound=max(MOVED, by_chance),
        missing_before=float(bins.counts[-2] / len(before)),
        missing_now=float(counts[-2] / len(now)),
        new_now=float(counts[-1] / len(now)) if bins.is_few_values else 0.0,
    )


def weighted_share(drifts: Sequence[ColumnDrift], importance: Mapping[str, float]) -> float:
    """Of what the columns mean to the model, the share that lies in those that moved, 0 to 1."""
    total = sum(importance.get(one.name, 0.0) for one in drifts)
    moved = sum(importance.get(one.name, 0.0) for one in drifts if one.has_moved)
    return moved / total if total > 0 else 0.0


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
