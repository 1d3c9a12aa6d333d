"""How far columns have moved, by PSI (`training.stability`), and whether that is more than chance. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.stability import Column, bins_of, psi

#: "Has moved a little" by custom; half a standard deviation of a normal column is 0.2.
MOVED: Final = 0.1
#: The 1 - 1e-6 quantile of the normal distribution: what chance alone does to one column in a million.
_Z: Final = 4.753


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
