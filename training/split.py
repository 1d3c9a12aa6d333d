"""Divides applications into the three parts that must never mix.

fit        the trees are grown on it (a part of it stops them in time)
choose     the calibrator and the cut-offs are chosen on it
held_out   looked at once, to say how good the model is
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]

CHOOSE_SHARE: Final = 0.15
HELD_OUT_SHARE: Final = 0.15
EARLY_STOPPING_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of each part, ascending, disjoint, together all rows."""

    fit: Rows
    choose: Rows
    held_out: Rows


def split(target: npt.NDArray[np.int64], *, seed: int) -> Split:
    """The three parts, each with the whole's bad rate; the same for the same target and seed."""
    held_out, rest = take_stratified(target, np.arange(len(target)), HELD_OUT_SHARE, seed=seed)
    choose, fit = take_stratified(target, rest, CHOOSE_SHARE / (1.0 - HELD_OUT_SHARE), seed=seed + 1)
    return Split(fit=fit, choose=choose, held_out=held_out)


def take_stratified(
    target: npt.NDArray[np.int64], rows: Rows, share: float, *, seed: int
) -> tuple[Rows, Rows]:
    """`share` of `rows`, drawn from each class alike, and the rest; both ascending."""
    random = np.random.default_rng(seed)
    taken = []
    for label in (0, 1):
        of_class = rows[target[rows] == label]
        taken.append(random.permutation(of_class)[: round(len(of_class) * share)])
    drawn = np.sort(np.concatenate(taken))
    return drawn, np.setdiff1d(rows, drawn, assume_unique=True)
