"""Divides applications into the three parts that must never mix, a person's rows always together.

fit        the trees are grown on it (a part of it stops them in time)
choose     the calibrator and the cut-offs are chosen on it
held_out   looked at once, to say how good the model is
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Target = npt.NDArray[np.int64]

CHOOSE_SHARE: Final = 0.15
HELD_OUT_SHARE: Final = 0.15
EARLY_STOPPING_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of each part, ascending, disjoint."""

    fit: Rows
    choose: Rows
    held_out: Rows

    def digests(self, applicant_ids: npt.NDArray[np.int64]) -> dict[str, str]:
        """SHA-256, hexadecimal, of the applicant ids of each part: equal parts have equal digests."""
        return {
            name: hashlib.sha256(applicant_ids[rows].astype("<i8").tobytes()).hexdigest()
            for name, rows in (("fit", self.fit), ("choose", self.choose), ("held_out", self.held_out))
        }


def split(target: Target, *, seed: int, persons: Rows | None = None) -> Split:
    """The three parts, each with the whole's bad rate; the same for the same arguments.

    `persons` has equal numbers for the rows of one person; without it, each row is a person.
    """
    everybody = np.arange(len(target))
    held_out, rest = take_stratified(target, everybody, HELD_OUT_SHARE, seed=seed, persons=persons)
    share = CHOOSE_SHARE / (1.0 - HELD_OUT_SHARE)
    choose, fit = take_stratified(target, rest, share, seed=seed + 1, persons=persons)
    return Split(fit=fit, choose=choose, held_out=held_out)


def split_by_time(
    target: Target, applied_at: npt.NDArray[np.datetime64], *, seed: int, persons: Rows
) -> Split:
    """The newest of the dated applications are held out; the others are divided as ever.

    `applied_at` is NaT where unknown: older than any date. Whoever is held out is nowhere else, so the
    older rows of such a person are in no part.
    """
    dated = np.flatnonzero(~np.isnat(applied_at))
    newest_first = dated[np.argsort(applied_at[dated], kind="stable")][::-1]
    wanted = max(1, min(round(len(target) * HELD_OUT_SHARE), round(len(dated) * 0.5)))
    edge = applied_at[newest_first[wanted - 1]]
    held_out = np.sort(dated[applied_at[dated] >= edge])
    rest = np.flatnonzero(~np.isin(persons, persons[held_out]))
    choose, fit = take_stratified(
        target, rest, CHOOSE_SHARE / (1.0 - HELD_OUT_SHARE), seed=seed + 1, persons=persons
    )
    return Split(fit=fit, choose=choose, held_out=held_out)


def take_stratified(
    target: Target, rows: Rows, share: float, *, seed: int, persons: Rows | None = None
) -> tuple[Rows, Rows]:
    """`share` of `rows`, drawn from each class alike, and the rest; both ascending."""
    random = np.random.default_rng(seed)
    numbers, labels = _people(target, rows, persons)
    is_drawn = np.zeros(len(labels), dtype=bool)
    for label in (0, 1):
        of_class = np.flatnonzero(labels == label)
        is_drawn[random.permutation(of_class)[: round(len(of_class) * share)]] = True
    return rows[is_drawn[numbers]], rows[~is_drawn[numbers]]


def folds(target: Target, count: int, *, seed: int, persons: Rows | None = None) -> Rows:
    """The fold of each row, `(n_rows,)`, from 0: equal bad rates, a person in one fold only."""
    random = np.random.default_rng(seed)
    numbers, labels = _people(target, np.arange(len(target)), persons)
    fold = np.empty(len(labels), dtype=np.int64)
    for label in (0, 1):
        of_class = random.permutation(np.flatnonzero(labels == label))
        fold[of_class] = np.arange(len(of_class)) % count
    return fold[numbers]


def _people(target: Target, rows: Rows, persons: Rows | None) -> tuple[Rows, Target]:
    """The person of each row, counted from 0, and whether the person ever defaulted."""
    if persons is None:
        return np.arange(len(rows)), target[rows]
    _, numbers = np.unique(persons[rows], return_inverse=True)
    labels = np.zeros(int(numbers.max()) + 1 if len(numbers) else 0, dtype=np.int64)
    np.maximum.at(labels, numbers, target[rows])
    return numbers, labels
