"""The loops that the kernel compiles for contributions: path-dependent tree SHAP as an integral.

Take part of the features with probability p: a leaf is reached with the product over the features of its
path of p·[row passes] + (1-p)·[share of training rows that pass], a polynomial in p. A feature's Shapley
value is the integral over p from 0 to 1 of that product without its own factor, times the difference of
its two terms, summed over the leaves (the idea: arXiv 2605.04497). Gauss-Legendre points integrate a
polynomial of degree 2n-1 exactly, so n points are exact for 2n features on a path; each tree takes as many
as it needs. Products go down the tree, sums come up.

Four rows go through a tree together. What hangs on the row alone is whether it passes, 1.0 or 0.0, so the
weight of a product divided by its own factor is a line in that, of which `Paths` knows both ends.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from scorer.kernel.compiling import machine_code
from scorer.kernel.fours import (
    BLOCK,
    POINTS,
    ROWS,
    add_pair,
    and_above,
    ask,
    credit,
    credit_again,
    enter,
    enter_again,
    times,
)
from scorer.kernel.machine import CHILD, MASK, ONE, RANK, Doubles, Forest, Ranks, rank_row

_BLOCK: Final = np.uint64(BLOCK)
_POINTS: Final = np.uint64(POINTS)
_ROWS: Final = np.uint64(ROWS)
_TWO: Final = np.uint64(2)
_RULE: Final = np.uint64(3 * POINTS)
#: Fours that go through a tree before the next tree's turn: their sums must stay in the processor's cache.
_FOURS_AT_ONCE: Final = 8


class _Scratch(NamedTuple):
    """Of four rows in one tree: the product of the factors on the way to each node, at each point, and
    whether a row passes all splits on the feature of the edge into it, as 1.0 or 0.0.
    """

    products: Doubles
    passes: Doubles


class _Turn(NamedTuple):
    """One tree at one block of points: its nodes are `root` to `end`; where its rule and its gains begin."""

    root: Any
    end: Any
    rule: Any
    gain: Any


@machine_code
def add_contributions(rows: npt.NDArray[np.float32], forest: Forest, contributions: Doubles) -> None:
    """Add each row's to `contributions`, `(n_rows, n_features + 1)`, whose last column is left alone."""
    n_features = contributions.shape[1] - 1
    fours = min(_FOURS_AT_ONCE, max(1, (len(rows) + ROWS - 1) // ROWS))
    row_ranks = np.empty(forest.n_slots, np.uint16)
    ranks = np.zeros((fours, forest.n_slots * ROWS), np.uint16)
    sums = np.empty((fours, n_features * ROWS))
    most_nodes = forest.paths.most_nodes
    scratch = _Scratch(np.empty(most_nodes * BLOCK), np.empty(most_nodes * ROWS))
    for begin in range(0, len(rows), fours * ROWS):
        end = min(begin + fours * ROWS, len(rows))
        for row in range(begin, end):
            rank_row(rows[row], forest.numbers, forest.categories, row_ranks)
            four, lane = divmod(row - begin, ROWS)
            for slot in range(forest.n_slots):
                ranks[four, slot * ROWS + lane] = row_ranks[slot]
        sums[:] = 0.0
        _sum_trees(ranks[: (end - begin + ROWS - 1) // ROWS], forest, scratch, sums)
        for row in range(begin, end):
            four, lane = divmod(row - begin, ROWS)
            for feature in range(n_features):
                contributions[row, feature] += sums[four, feature * ROWS + lane]


@machine_code
def _sum_trees(ranks: Ranks, forest: Forest, scratch: _Scratch, sums: Doubles) -> None:
    roots, n_nodes = forest.nodes.root, np.uint64(len(forest.nodes.word))
    blocks, first_gains = forest.paths.blocks, forest.paths.first_gain
    for tree in range(len(roots)):
        root = roots[tree]
        end = n_nodes if tree + 1 == len(roots) else roots[tree + 1]
        if end - root > ONE:
            # The rules of fewer blocks lie before this tree's.
            rule, gain = _RULE * (blocks[tree] * (blocks[tree] - ONE) // _TWO), first_gains[tree]
            for _ in range(blocks[tree]):
                turn = _Turn(root, end, rule, gain)
                for four in range(len(ranks)):
                    _descend(turn, ranks[four], forest, scratch)
                    _ascend(turn, forest, scratch, sums[four])
                rule += _RULE
                gain += (end - root) * _POINTS


@machine_code
def _descend(turn: _Turn, ranks: Ranks, forest: Forest, scratch: _Scratch) -> None:
    """Fill in the products and what the rows pass, from the root on."""
    words, shares, aboves = forest.nodes.word, forest.paths.share, forest.paths.above
    rules, products, passes = forest.paths.rule, scratch.products, scratch.passes
    root, rule = turn.root, turn.rule
    products[:BLOCK] = 1.0
    for node in range(root, turn.end):
        word = words[node]
        left = word >> CHILD
        if left == node:
            continue
        ask(passes, (left - root) * _ROWS, ranks, (word & MASK) * _ROWS, np.uint16((word >> RANK) & MASK))
        here, above = (node - root) * _BLOCK, aboves[left]
        for child in range(left, left + _TWO):
            there, at = (child - root) * _BLOCK, (child - root) * _ROWS
            if above < 0:
                enter(products, there, here, passes, at, shares[child], rules, rule)
            else:
                # The same feature again: its factor further up gives way to the one of both splits.
                before, share_above = (np.uint64(above) - root) * _ROWS, shares[np.uint64(above)]
                and_above(passes, at, before)
                enter_again(
                    products, there, here, passes, at, shares[child], before, share_above, rules, rule
                )


@machine_code
def _ascend(turn: _Turn, forest: Forest, scratch: _Scratch, sums: Doubles) -> None:
    """Turn the products into sums over the leaves below each node, and credit each edge's feature."""
    words, values, aboves = forest.nodes.word, forest.nodes.value, forest.paths.above
    features, rules, gains = forest.paths.feature, forest.paths.rule, forest.paths.gain
    products, passes = scratch.products, scratch.passes
    root, rule, gain = turn.root, turn.rule, turn.gain
    for step in range(turn.end - ONE, root, -1):
        node = np.uint64(step)
        here, at, here_gain = (node - root) * _BLOCK, (node - root) * _ROWS, gain + (node - root) * _POINTS
        left = words[node] >> CHILD
        if left == node:
            times(products, here, values[node])
        else:
            add_pair(products, here, (left - root) * _BLOCK)
        feature, above = features[node] * _ROWS, aboves[node]
        if above < 0:
            credit(sums, feature, products, here, passes, at, gains, here_gain, rules, rule)
        else:
            before = np.uint64(above) - root
            credit_again(
                sums, feature, products, here, passes, at, before * _ROWS, gains, here_gain,
                gain + before * _POINTS,
            )  # fmt: skip
