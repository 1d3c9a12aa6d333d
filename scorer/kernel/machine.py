"""The loops that the kernel compiles: ranks of a row's values, margins, contributions.

**Margins.** A value becomes its rank among the thresholds that the model compares it with, so that
every split is one comparison of small integers, and a missing value a rank that always or never
passes. A node is one word: where its left child lies, a rank, a slot; the right child lies beside the
left; a leaf leads to itself. Eight trees are walked in step, without a branch: while one waits for
memory, seven go on. Leaf values are added tree by tree in LightGBM's order, so the sum has its bits.

**Contributions** are path-dependent tree SHAP as an integral. Take part of the features with
probability p: a leaf is reached with the product over its path of p·[row passes] + (1-p)·[share of
training rows that pass], a polynomial in p. A feature's Shapley value is the integral over p from 0 to 1
of that product without its own factor, times the difference of its two terms, summed over the leaves
(the idea: arXiv 2605.04497). Gauss-Legendre points integrate a polynomial of degree 2n-1 exactly, so
eight points are exact for sixteen features on a path; a tree with more takes more blocks of eight. Products
go down the tree, sums come up: each edge costs a few operations on a vector of eight.

"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from scorer.kernel.eights import EIGHT, add_pair, credit, debit, times_line, times_ratio

Ranks = npt.NDArray[np.uint16]
Doubles = npt.NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])

#: A rank above every threshold's; only a leaf asks for more.
RIGHT: Final = 0xFFFF
#: What counts as missing, as LightGBM numbers it.
MISSING_IS_ZERO: Final = 1
MISSING_IS_NAN: Final = 2
#: LightGBM takes what is no larger for zero.
ZERO: Final = np.float32(1e-35)

_MASK: Final = np.uint64(0xFFFF)
_RANK: Final = np.uint64(16)
_CHILD: Final = np.uint64(32)
_ONE: Final = np.uint64(1)
_VECTOR: Final = np.uint64(EIGHT)
_TWO_VECTORS: Final = np.uint64(2 * EIGHT)
#: Ranks worked on at once: beyond this they would push each other out of the processor's cache.
_RANKS_AT_ONCE: Final = 65_536
#: So many thresholds are sooner all compared, many at once, than halved: half of the guesses are wrong.
_COMPARED: Final = np.uint64(128)

# Of all sources numba's cache looks only at a function's own file: this line changes with the other's.
EIGHTS_SHA256: Final = "443f4a3ec5e9cf0bf6ad3fc237df0a809b7d9ed1d5c754c877148c6f4c531818"
# The cache is a pickle, so it lies where our own bytecode lies and nowhere else: who can write there
# needs no pickle to run code. Where nobody can, each process compiles.
_IS_CACHED: Final = os.access(Path(__file__).parent, os.W_OK)


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
    last such split further up, -1 if none. `rule` has eight points, their weights, the next eight points, …
    """

    share: Doubles
    above: npt.NDArray[np.int64]
    feature: npt.NDArray[np.uint64]
    rule: Doubles
    blocks: npt.NDArray[np.uint64]
    most_nodes: int


class Forest(NamedTuple):
    """The trees of a model. `n_slots` is at least 1."""

    numbers: Numbers
    categories: Categories
    nodes: Nodes
    paths: Paths
    n_slots: int


class _Scratch(NamedTuple):
    """Of one tree and row: the product of the factors on the way to each node, and whether the row passes
    all splits on the feature of the edge into it. Of one row: what each feature contributes, at eight points.
    """

    products: Doubles
    passes: npt.NDArray[np.bool_]
    sums: Doubles


def machine_code(function: Function) -> Function:
    """The function, compiled for this processor when it is first called."""
    return cast(Function, numba.njit(nogil=True, error_model="numpy", cache=_IS_CACHED)(function))


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
            half = left >> _ONE
            low += half * np.uint64(thresholds[low + half - _ONE] < value)
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
                    goes_right = ranks[row, word & _MASK] > ((word >> _RANK) & _MASK)
                    at[tree] = (word >> _CHILD) + np.uint64(goes_right)
            margin = margins[row]
            for tree in range(EIGHT):
                margin += values[at[tree]]
            margins[row] = margin


@machine_code
def add_contributions(rows: npt.NDArray[np.float32], forest: Forest, contributions: Doubles) -> None:
    """Add each row's to `contributions`, `(n_rows, n_features + 1)`, whose last column is left alone."""
    n_features = contributions.shape[1] - 1
    most_nodes = forest.paths.most_nodes
    ranks = np.empty(forest.n_slots, np.uint16)
    scratch = _Scratch(
        np.empty(most_nodes * EIGHT), np.empty(most_nodes, np.bool_), np.empty(n_features * EIGHT)
    )
    for row in range(len(rows)):
        rank_row(rows[row], forest.numbers, forest.categories, ranks)
        scratch.sums[:] = 0.0
        _sum_trees(ranks, forest, scratch)
        for feature in range(n_features):
            for point in range(EIGHT):
                contributions[row, feature] += scratch.sums[feature * EIGHT + point]


@machine_code
def _sum_trees(ranks: Ranks, forest: Forest, scratch: _Scratch) -> None:
    roots, n_nodes, blocks = forest.nodes.root, np.uint64(len(forest.nodes.word)), forest.paths.blocks
    for tree in range(len(roots)):
        root = roots[tree]
        end = n_nodes if tree + 1 == len(roots) else roots[tree + 1]
        if end - root > _ONE:
            # The rules of fewer blocks lie before this tree's.
            rule = _VECTOR * blocks[tree] * (blocks[tree] - _ONE)
            for _ in range(blocks[tree]):
                scratch.products[:EIGHT] = 1.0
                scratch.passes[0] = True
                _descend(root, end, ranks, forest, rule, scratch)
                _ascend(root, end, forest, rule, scratch)
                rule += _TWO_VECTORS


@machine_code
def _descend(root: Any, end: Any, ranks: Ranks, forest: Forest, rule: Any, scratch: _Scratch) -> None:
    """Fill in the products and what the row passes, from the root on."""
    words, shares, aboves = forest.nodes.word, forest.paths.share, forest.paths.above
    rules, products, passes = forest.paths.rule, scratch.products, scratch.passes
    for node in range(root, end):
        word = words[node]
        left_child = word >> _CHILD
        if left_child == node:
            continue
        goes_right = np.uint64(ranks[word & _MASK] > ((word >> _RANK) & _MASK))
        here = (node - root) * _VECTOR
        for side in range(np.uint64(2)):
            child = left_child + side
            share, above = shares[child], aboves[child]
            is_passed = goes_right == side
            slope = 1.0 - share if is_passed else -share
            there = (child - root) * _VECTOR
            if above < 0:
                passes[child - root] = is_passed
                times_line(products, there, here, share, slope, rules, rule)
                continue
            # The same feature again: its factor further up gives way to the one of both splits.
            was_passed = passes[np.uint64(above) - root]
            share_above = shares[np.uint64(above)]
            passes[child - root] = is_passed and was_passed
            if was_passed:
                times_ratio(products, there, here, share, slope, share_above, rules, rule)
            else:
                times_line(products, there, here, share / share_above, 0.0, rules, rule)


@machine_code
def _ascend(root: Any, end: Any, forest: Forest, rule: Any, scratch: _Scratch) -> None:
    """Turn the products into sums over the leaves below each node, and credit each edge's feature."""
    words, values, shares = forest.nodes.word, forest.nodes.value, forest.paths.share
    aboves, features, rules = forest.paths.above, forest.paths.feature, forest.paths.rule
    products, passes, sums = scratch.products, scratch.passes, scratch.sums
    for step in range(end - _ONE, root, -1):
        node = np.uint64(step)
        here = (node - root) * _VECTOR
        left_child = words[node] >> _CHILD
        if left_child == node:
            times_line(products, here, here, values[node], 0.0, rules, rule)
        else:
            add_pair(products, here, (left_child - root) * _VECTOR)
        feature, above = features[node] * _VECTOR, aboves[node]
        if above >= 0:
            if not passes[np.uint64(above) - root]:
                continue  # the split further up was failed already: this one changes nothing
            share = shares[np.uint64(above)]
            debit(sums, feature, products, here, share, 1.0 - share, rules, rule)
        # One formula for both: a branch on the row's values would be guessed wrong half of the time.
        share = shares[node]
        credit(sums, feature, products, here, share, np.float64(passes[node - root]) - share, rules, rule)
