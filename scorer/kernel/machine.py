"""The loops that the kernel compiles for a margin: ranks of a row's values, and the walk to the leaves.

**Margins.** A value becomes its rank among the thresholds that the model compares it with, so that
every split is one comparison of small integers, and a missing value a rank that always or never
passes. A node is one word: where its left child lies, a rank, a slot; the right child lies beside the
left; a leaf leads to itself. Eight trees are walked in step, without a branch: while one waits for
memory, seven go on. Leaf values are added tree by tree in LightGBM's order, so the sum has its bits.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from scorer.kernel.compiling import machine_code

Ranks = npt.NDArray[np.uint16]
Doubles = npt.NDArray[np.float64]

#: Trees that are walked in step.
EIGHT: Final = 8
#: A rank above every threshold's; only a leaf asks for more.
RIGHT: Final = 0xFFFF
#: What counts as missing, as LightGBM numbers it.
MISSING_IS_ZERO: Final = 1
MISSING_IS_NAN: Final = 2
#: LightGBM takes what is no larger for zero.
ZERO: Final = np.float32(1e-35)

MASK: Final = np.uint64(0xFFFF)
RANK: Final = np.uint64(16)
CHILD: Final = np.uint64(32)
ONE: Final = np.uint64(1)
#: Ranks worked on at once: beyond this they would push each other out of the processor's cache.
_RANKS_AT_ONCE: Final = 65_536
#: So many thresholds are sooner all compared, many at once, than halved: half of the guesses are wrong.
_COMPARED: Final = np.uint64(128)


class Numbers(NamedTuple):
    """Slots of numeric features; slot s has `threshold[first[s]:first[s + 1]]`, rising.

    Each is the largest float32 that is no larger than the model's: a float32 is above both or neither.
    """

    feature: npt.NDArray[np.uint32]
    missing: npt.NDArray[np.uint8]
    rank_if_missing: Ranks
    first: npt.NDArray[np.uint64]
    threshold: npt.NDArray[np.float32]


class Categories(NamedTuple):
    """Slots of categorical features, one per set of categories: 0 for a member, else 1.

    Feature k has `width[k]` slots from `slot[k]` on; their ranks for the code c lie in `rank` from
    `first[k] + c * width[k]` on, the last code standing for all that no set has.
    """

    feature: npt.NDArray[np.uint32]
    n_codes: npt.NDArray[np.int32]
    slot: npt.NDArray[np.int64]
    width: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    rank: Ranks


class Nodes(NamedTuple):
    """The nodes of all trees; `root` has a multiple of eight trees, `depth` the most levels of each eight."""

    word: npt.NDArray[np.uint64]
    value: Doubles
    root: npt.NDArray[np.uint64]
    depth: npt.NDArray[np.int64]


class Paths(NamedTuple):
    """What is known of the edge into each node, whatever the row.

    `share` of the training rows passes all splits on `feature` down to here; `above` is the node under the
    last such split further up, -1 if none.

    `rule` is as `scorer.kernel.fours` reads it, for one block of points, then for two, …; a tree takes
    `blocks[tree]`. `gain` has for each block, node and point weight / (1 - p) / (p + share · (1 - p)).
    """

    share: Doubles
    above: npt.NDArray[np.int64]
    feature: npt.NDArray[np.uint64]
    blocks: npt.NDArray[np.uint64]
    rule: Doubles
    first_gain: npt.NDArray[np.uint64]
    gain: Doubles
    most_nodes: int


class Forest(NamedTuple):
    """The trees of a model. `n_slots` is at least 1."""

    numbers: Numbers
    categories: Categories
    nodes: Nodes
    paths: Paths
    n_slots: int


# Each access to a tuple's array counts a reference up and down; hence the names before the loops.


@machine_code
def rank_row(row: npt.NDArray[np.float32], numbers: Numbers, categories: Categories, ranks: Ranks) -> None:
    """Fill in the ranks of one row, `(n_slots,)`."""
    _rank_numbers(row, numbers, ranks)
    for at in range(len(categories.feature)):
        code = categories.n_codes[at]
        category = row[categories.feature[at]]
        if category > -1.0 and category < code:
            code = np.int32(category)
        slot, width = categories.slot[at], categories.width[at]
        first = categories.first[at] + code * width
        ranks[slot : slot + width] = categories.rank[first : first + width]


@machine_code
def _rank_numbers(row: npt.NDArray[np.float32], numbers: Numbers, ranks: Ranks) -> None:
    features, missing, rank_if_missing = numbers.feature, numbers.missing, numbers.rank_if_missing
    firsts, thresholds = numbers.first, numbers.threshold
    for slot in range(len(features)):
        value = row[features[slot]]
        is_nan = value != value  # noqa: PLR0124
        if abs(value) <= ZERO or (is_nan and missing[slot] != MISSING_IS_NAN):
            value = np.float32(0.0)
        first = firsts[slot]
        low = first
        left = firsts[slot + 1] - first
        while left > _COMPARED:
            half = left >> ONE
            low += half * np.uint64(thresholds[low + half - ONE] < value)
            left -= half
        rank = np.uint32(low - first)
        # A slice, and no index that could be negative: only then are sixteen compared at once.
        near = thresholds[low : low + left]
        for at in range(len(near)):
            rank += np.uint32(near[at] < value)
        is_zero_missing = value == 0.0 and missing[slot] == MISSING_IS_ZERO
        if is_zero_missing or (is_nan and missing[slot] == MISSING_IS_NAN):
            rank = np.uint32(rank_if_missing[slot])
        ranks[slot] = rank


@machine_code
def add_margins(rows: npt.NDArray[np.float32], forest: Forest, margins: Doubles) -> None:
    """Add each row's leaf values to `margins`, `(n_rows,)`, tree by tree."""
    at_once = max(1, min(len(rows), _RANKS_AT_ONCE // forest.n_slots))
    ranks = np.empty((at_once, forest.n_slots), np.uint16)
    for begin in range(0, len(rows), at_once):
        end = min(begin + at_once, len(rows))
        for row in range(begin, end):
            rank_row(rows[row], forest.numbers, forest.categories, ranks[row - begin])
        _walk(forest.nodes, ranks, margins[begin:end])


@machine_code
def _walk(nodes: Nodes, ranks: Ranks, margins: Doubles) -> None:
    words, values, roots, depths = nodes.word, nodes.value, nodes.root, nodes.depth
    at = np.empty(EIGHT, np.uint64)
    for eight in range(len(depths)):
        for row in range(len(margins)):
            for tree in range(EIGHT):
                at[tree] = roots[eight * EIGHT + tree]
            for _ in range(depths[eight]):
                for tree in range(EIGHT):
                    word = words[at[tree]]
                    goes_right = ranks[row, word & MASK] > ((word >> RANK) & MASK)
                    at[tree] = (word >> CHILD) + np.uint64(goes_right)
            margin = margins[row]
            for tree in range(EIGHT):
                margin += values[at[tree]]
            margins[row] = margin
