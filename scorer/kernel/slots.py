"""The slots of a model: what a row's values are turned into before any tree is walked.

A numeric slot is a feature together with what it takes for missing and where that goes; a categorical
slot is a feature together with a set of categories. Splits that ask alike share a slot.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from scorer.errors import NotCompilable
from scorer.kernel.machine import MISSING_IS_NAN, MISSING_IS_ZERO, RIGHT, Categories, Numbers
from scorer.trees import Tree

_MOST_SLOTS: Final = 1 << 16
_MOST_CODES: Final = 1 << 12
#: Entries of the table of categories, two bytes each.
_LARGEST_TABLE: Final = 1 << 23


class _Number(NamedTuple):
    feature: int
    missing: int
    is_missing_left: bool


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of all splits, as arrays and by what a split asks."""

    numbers: Numbers
    categories: Categories
    n_slots: int
    _thresholds: dict[_Number, list[float]]
    _number_slot: dict[_Number, int]
    _set_slot: dict[tuple[int, int], int]

    def question(self, tree: Tree, node: int) -> tuple[int, int]:
        """The slot that a split looks at, and the largest rank that goes left."""
        if tree.is_categorical(node):
            return self._set_slot[tree.split_feature[node], tree.categories(node)], 0
        number = _number(tree, node)
        return self._number_slot[number], bisect_left(self._thresholds[number], tree.threshold[node])


def slots_of(trees: Sequence[Tree]) -> Slots:
    """The slots of these trees; raises NotCompilable when they are too many."""
    thresholds, sets = _asked(trees)
    number_slot = {number: slot for slot, number in enumerate(thresholds)}
    set_slot: dict[tuple[int, int], int] = {}
    for feature, of_feature in sets.items():
        for members in of_feature:
            set_slot[feature, members] = len(number_slot) + len(set_slot)
    n_slots = len(number_slot) + len(set_slot)
    if n_slots > _MOST_SLOTS:
        raise NotCompilable(f"{n_slots} slots; at most {_MOST_SLOTS} fit")
    return Slots(
        numbers=_numbers(thresholds),
        categories=_categories(sets, first_slot=len(number_slot)),
        n_slots=max(1, n_slots),
        _thresholds=thresholds,
        _number_slot=number_slot,
        _set_slot=set_slot,
    )


def _number(tree: Tree, node: int) -> _Number:
    missing = tree.missing_type(node)
    # Where nothing counts as missing, no split sends it anywhere.
    is_missing_left = missing in {MISSING_IS_NAN, MISSING_IS_ZERO} and tree.is_missing_left(node)
    return _Number(tree.split_feature[node], missing, is_missing_left)


def _asked(trees: Sequence[Tree]) -> tuple[dict[_Number, list[float]], dict[int, list[int]]]:
    """Thresholds, rising, by numeric slot, and sets of categories by feature."""
    thresholds: dict[_Number, set[float]] = {}
    sets: dict[int, dict[int, None]] = {}
    for tree in trees:
        for node, feature in enumerate(tree.split_feature):
            if tree.is_categorical(node):
                sets.setdefault(feature, {})[tree.categories(node)] = None
            else:
                thresholds.setdefault(_number(tree, node), set()).add(tree.threshold[node])
    return (
        {number: sorted(thresholds[number]) for number in sorted(thresholds)},
        {feature: list(sets[feature]) for feature in sorted(sets)},
    )


def _numbers(thresholds: dict[_Number, list[float]]) -> Numbers:
    lengths = [len(rising) for rising in thresholds.values()]
    if max(lengths, default=0) >= RIGHT:
        raise NotCompilable(f"{max(lengths)} thresholds for one feature; at most {RIGHT - 1} fit")
    return Numbers(
        feature=np.array([number.feature for number in thresholds], dtype=np.uint32),
        missing=np.array([number.missing for number in thresholds], dtype=np.uint8),
        rank_if_missing=np.array(
            [0 if number.is_missing_left else RIGHT for number in thresholds], dtype=np.uint16
        ),
        first=np.cumsum([0, *lengths], dtype=np.uint64),
        threshold=_rounded_down([bound for rising in thresholds.values() for bound in rising]),
    )


def _rounded_down(bounds: list[float]) -> npt.NDArray[np.float32]:
    """The largest float32 that is no larger than each bound; -inf below them all."""
    exact = np.array(bounds, dtype=np.float64)
    with np.errstate(over="ignore"):
        nearest = exact.astype(np.float32)
    return np.where(nearest > exact, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def _categories(sets: dict[int, list[int]], *, first_slot: int) -> Categories:
    tables = [_table(of_feature) for of_feature in sets.values()]
    sizes = [table.size for table in tables]
    if sum(sizes) > _LARGEST_TABLE:
        raise NotCompilable(f"categorical splits need a table of {sum(sizes)} ranks; {_LARGEST_TABLE} fit")
    widths = [table.shape[1] for table in tables]
    return Categories(
        feature=np.array(list(sets), dtype=np.uint32),
        n_codes=np.array([len(table) - 1 for table in tables], dtype=np.int32),
        slot=np.cumsum([first_slot, *widths], dtype=np.int64)[:-1],
        width=np.array(widths, dtype=np.int64),
        first=np.cumsum([0, *sizes], dtype=np.int64)[:-1],
        rank=np.concatenate([np.zeros(0, np.uint16), *(table.ravel() for table in tables)]),
    )


def _table(of_feature: list[int]) -> npt.NDArray[np.uint16]:
    """Ranks by code and set, `(n_codes + 1, n_sets)`; the last row is for a code that no set has."""
    n_codes = max(members.bit_length() for members in of_feature)
    if n_codes > _MOST_CODES:
        raise NotCompilable(f"a category has the code {n_codes - 1}; codes below {_MOST_CODES} fit")
    ranks = np.ones((n_codes + 1, len(of_feature)), dtype=np.uint16)
    for column, members in enumerate(of_feature):
        ranks[[code for code in range(n_codes) if members >> code & 1], column] = 0
    return ranks
