"""Path-dependent tree SHAP by its definition, in fractions: slow, and without rounding."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from scorer.trees import Tree

#: By feature: the share of training rows that pass its splits on the way, and where they lead.
Path = dict[int, tuple[Fraction, list[tuple[int, int]]]]


def paths_of(tree: Tree) -> Iterator[tuple[int, Path]]:
    """Each leaf with its path; a split is (node, child that the path goes to)."""
    waiting: list[tuple[int, Path]] = [(tree.root, {})]
    while waiting:
        child, path = waiting.pop()
        if child < 0:
            yield ~child, path
            continue
        feature = tree.split_feature[child]
        share, splits = path.get(feature, (Fraction(1), []))
        for below in (tree.left_child[child], tree.right_child[child]):
            passed = share * Fraction(tree.row_count(below), tree.row_count(child))
            waiting.append((below, {**path, feature: (passed, [*splits, (child, below)])}))


def by_definition(tree: Tree, row: npt.NDArray[np.float32]) -> list[float]:
    """What each feature contributes to the tree's value for the row; numeric splits, nothing missing."""
    found = [Fraction(0)] * len(row)
    for leaf, path in paths_of(tree):
        terms = {
            feature: (share, all(_leads_to(tree, node, row) == child for node, child in splits))
            for feature, (share, splits) in path.items()
        }
        for feature, (share, is_passed) in terms.items():
            others = [term for other, term in terms.items() if other != feature]
            found[feature] += Fraction(tree.leaf_value[leaf]) * (is_passed - share) * _integral(others)
    return [float(contribution) for contribution in found]


def _leads_to(tree: Tree, node: int, row: npt.NDArray[np.float32]) -> int:
    is_left = row[tree.split_feature[node]] <= tree.threshold[node]
    return tree.left_child[node] if is_left else tree.right_child[node]


def _integral(terms: list[tuple[Fraction, bool]]) -> Fraction:
    """Over p from 0 to 1, of the product of share + (passed - share) · p."""
    polynomial = [Fraction(1)]
    for share, is_passed in terms:
        raised = [Fraction(0), *(value * (is_passed - share) for value in polynomial)]
        polynomial = [*(value * share for value in polynomial), Fraction(0)]
        polynomial = [low + high for low, high in zip(polynomial, raised, strict=True)]
    return sum((value / (power + 1) for power, value in enumerate(polynomial)), Fraction(0))
