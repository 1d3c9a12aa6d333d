"""Divides applications into the three parts that must never mix, a person's rows always together.

fit        the trees are grown on it (a part of it stops them in time)
choose     the calibrator and the cut-offs are chosen on it
held_out   looked at once, to say how good the model is: drawn from each class alike, and where
           applications have dates, the newest of these as well
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Target = npt.NDArray[np.int64]

CHOOSE_SHARE: Final = 0.15
HELD_OUT_SHARE: Final = 0.15
EARLY_STOPPING_SHARE: Final = 0.15
#: So many of the newest are held out, or half of them: fewer tell little by themselves.
LEAST_NEWEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of each part, ascending, disjoint; `newest` are those of `held_out` that time chose."""

    fit: Rows
    choose: Rows
    held_out: Rows
    newest: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def digests(self, applicant_ids: npt.NDArray[np.int64]) -> dict[str, str]:
        """SHA-256, hexadecimal, of the applicant ids of each part: equal parts have equal digests."""
        return {
            name: hashlib.sha256(applicant_ids[rows].astype("<i8").tobytes()).hexdigest()
            for name, rows in (("fit", self.fit), ("choose", self.choose), ("held_out", self.held_out))
        }


def split(
    target: Target,
    *,
    seed: int,
    persons: Rows | None = None,
    applied_at: npt.NDArray[np.datetime64] | None = None,
) -> Split:
    """The three parts, each with the whole's bad rate; the same for the same arguments.

    `persons` has equal numbers for the rows of one person; without it, each row is a person.
    `applied_at` is NaT where unknown. Of the undated rows the same are held out whether or not dated ones
    have joined, so that two models are compared on them; of the dated ones the newest are held out.
    Whoever is held out is nowhere else, so the other rows of such a person are in no part.
    """
    everybody = np.arange(len(target))
    persons = everybody if persons is None else persons
    undated, newest = everybody, everybody[:0]
    if applied_at is not None:
        undated, newest = np.flatnonzero(np.isnat(applied_at)), newest_of(applied_at)
    drawn, _ = take_stratified(target, undated, HELD_OUT_SHARE, seed=seed, persons=persons)
    held_out = np.union1d(drawn, newest)
    rest = np.flatnonzero(~np.isin(persons, persons[held_out]))
    share = CHOOSE_SHARE / (1.0 - HELD_OUT_SHARE)
    choose, fit = take_stratified(target, rest, share, seed=seed + 1, persons=persons)
    return Split(fit=fit, choose=choose, held_out=held_out, newest=newest)


def newest_of(applied_at: npt.NDArray[np.datetime64]) -> Rows:
    """The dated rows to hold out by time, ascending: none of them older than any other dated row."""
    dated: Rows = np.flatnonzero(~np.isnat(applied_at))
    if not len(dated):
        return dated
    wanted = max(1, round(len(dated) * HELD_OUT_SHARE), min(LEAST_NEWEST, len(dated) // 2))
    edge = np.sort(applied_at[dated])[-wanted]
    newest: Rows = dated[applied_at[dated] >= edge]
    return newest


def take_stratified(
    target: Target, rows: Rows, share: float, *, seed: int, persons: Rows | None = None
) -> tuple[Rows, Rows]:
    """`share` of `rows`, drawn from each class alike, and the rest; both ascending."""
    random = np.random.default_rng(seed)
    numbers, labels = people_of(target, rows, persons)
    is_drawn = np.zeros(len(labels), dtype=bool)
    for label in (0, 1):
        of_class = np.flatnonzero(labels == label)
        is_drawn[random.permutation(of_class)[: round(len(of_class) * share)]] = True
    return rows[is_drawn[numbers]], rows[~is_drawn[numbers]]


def folds(target: Target, count: int, *, seed: int, persons: Rows | None = None) -> Rows:
    """The fold of each row, `(n_rows,)`, from 0: equal bad rates, a person in one fold only."""
    random = np.random.default_rng(seed)
    numbers, labels = people_of(target, np.arange(len(target)), persons)
    fold = np.empty(len(labels), dtype=np.int64)
    for label in (0, 1):
        of_class = random.permutation(np.flatnonzero(labels == label))
        fold[of_class] = np.arange(len(of_class)) % count
    return fold[numbers]


def people_of(target: Target, rows: Rows, persons: Rows | None) -> tuple[Rows, Target]:
    """The person of each row, counted from 0, and whether the person ever defaulted."""
    if persons is None:
        return np.arange(len(rows)), target[rows]
    _, numbers = np.unique(persons[rows], return_inverse=True)
    labels = np.zeros(int(numbers.max()) + 1 if len(numbers) else 0, dtype=np.int64)
    np.maximum.at(labels, numbers, target[rows])
    return numbers, labels
