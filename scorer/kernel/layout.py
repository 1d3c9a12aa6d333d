"""From checked trees to the flat arrays that `scorer.kernel.machine` walks.

Everything is derived from the model's own text when it is loaded: nothing compiled travels in a bundle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scorer.errors import NotCompilable
from scorer.kernel.fours import POINTS
from scorer.kernel.machine import EIGHT, RIGHT, Doubles, Forest, Nodes, Paths
from scorer.kernel.slots import Slots, slots_of
from scorer.trees import Tree

_MOST_NODES: Final = 2**31


@dataclass(frozen=True, slots=True)
class Layout:
    """The arrays of one model, and the mean margin of its training rows."""

    forest: Forest
    n_features: int
    expected_value: float


@dataclass(frozen=True, slots=True)
class _Place:
    """A node or leaf, where it lies, how deep, and what lies under the last split on each feature."""

    child: int
    at: int
    level: int
    under: dict[int, int]


def lay_out(trees: Sequence[Tree], *, n_features: int) -> Layout:
    """The arrays; raises NotCompilable for a model that is too large for them."""
    slots = slots_of(trees)
    draft = _Draft(slots)
    for tree in trees:
        draft.add(tree)
    nodes = draft.nodes()
    return Layout(
        forest=Forest(slots.numbers, slots.categories, nodes, draft.paths(), slots.n_slots),
        n_features=n_features,
        expected_value=sum(map(_expected_value, trees), start=0.0),
    )


class _Draft:
    """Lists that grow tree by tree."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._word: list[int] = []
        self._value: list[float] = []
        self._share: list[float] = []
        self._above: list[int] = []
        self._feature: list[int] = []
        self._root: list[int] = []
        self._depth: list[int] = []
        self._blocks: list[int] = []

    def add(self, tree: Tree) -> None:
        """Lay the tree out level by level, the two children of a node beside each other."""
        root = self._grow(1)
        depth = longest_path = 0
        for place in self._places(tree, root):
            depth = max(depth, place.level)
            if place.child < 0:
                self._word[place.at] = place.at << 32 | RIGHT << 16
                self._value[place.at] = tree.leaf_value[~place.child]
                longest_path = max(longest_path, len(place.under))
        self._append_root(root, depth, longest_path)

    def _append_root(self, root: int, depth: int, longest_path: int) -> None:
        self._root.append(root)
        self._depth.append(depth)
        self._blocks.append(blocks_for(longest_path))

    def _places(self, tree: Tree, root: int) -> Iterator[_Place]:
        waiting = [_Place(tree.root, root, 0, {})]
        for place in waiting:
            if place.child >= 0:
                waiting += self._split(tree, place)
            yield place

    def _split(self, tree: Tree, place: _Place) -> list[_Place]:
        node = place.child
        left = self._grow(2)
        slot, rank = self._slots.question(tree, node)
        self._word[place.at] = left << 32 | rank << 16 | slot
        feature = tree.split_feature[node]
        above = place.under.get(feature, -1)
        children = []
        for at, child in enumerate((tree.left_child[node], tree.right_child[node]), start=left):
            share = tree.row_count(child) / tree.row_count(node)
            self._share[at] = share if above < 0 else share * self._share[above]
            self._above[at] = above
            self._feature[at] = feature
            children.append(_Place(child, at, place.level + 1, {**place.under, feature: at}))
        return children

    def _grow(self, count: int) -> int:
        at = len(self._word)
        self._word += [0] * count
        self._value += [0.0] * count
        self._share += [1.0] * count
        self._above += [-1] * count
        self._feature += [0] * count
        return at

    def nodes(self) -> Nodes:
        while len(self._root) % EIGHT:
            # A leaf of nothing: adding 0.0 changes no bit of a sum that began with 0.0.
            at = self._grow(1)
            self._word[at] = at << 32 | RIGHT << 16
            self._append_root(at, depth=0, longest_path=0)
        if len(self._word) > _MOST_NODES:
            raise NotCompilable(f"{len(self._word)} nodes; at most {_MOST_NODES} fit")
        return Nodes(
            word=np.array(self._word, dtype=np.uint64),
            value=np.array(self._value, dtype=np.float64),
            root=np.array(self._root, dtype=np.uint64),
            depth=np.array(self._depth, dtype=np.int64).reshape(-1, EIGHT).max(axis=1),
        )

    def paths(self) -> Paths:
        share = np.array(self._share, dtype=np.float64)
        ends = [*self._root[1:], len(share)]
        rules = [quadrature_rule(blocks) for blocks in range(1, max(self._blocks, default=1) + 1)]
        gains = [
            _gains(share[root:end], rules[blocks - 1])
            for root, end, blocks in zip(self._root, ends, self._blocks, strict=True)
        ]
        return Paths(
            share=share,
            above=np.array(self._above, dtype=np.int64),
            feature=np.array(self._feature, dtype=np.uint64),
            blocks=np.array(self._blocks, dtype=np.uint64),
            rule=np.concatenate([rule.ravel() for rule in rules]),
            first_gain=np.cumsum([0, *(len(gain) for gain in gains)], dtype=np.uint64)[:-1],
            gain=np.concatenate([np.zeros(0), *gains]),
            most_nodes=max((end - root for root, end in zip(self._root, ends, strict=True)), default=1),
        )


def blocks_for(n_features: int) -> int:
    """Blocks of six points that are exact for paths of so many features, at least one."""
    return max(1, -(-n_features // (2 * POINTS)))


def quadrature_rule(n_blocks: int) -> Doubles:
    """Gauss-Legendre on [0, 1], `(n_blocks, 3, 6)`: in each block the points p, 1 - p, weight / (1 - p)."""
    nodes, weights = np.polynomial.legendre.leggauss(n_blocks * POINTS)
    points, others = (1.0 + nodes) / 2.0, (1.0 - nodes) / 2.0
    rule = np.stack([points, others, weights / 2.0 / others])
    return np.ascontiguousarray(rule.reshape(3, n_blocks, POINTS).transpose(1, 0, 2))


def _gains(shares: Doubles, rule: Doubles) -> Doubles:
    """`Paths.gain` of one tree's nodes, block by block of its rule."""
    gains = [losses / (points + np.multiply.outer(shares, others)) for points, others, losses in rule]
    return np.concatenate(gains).ravel()


def _expected_value(tree: Tree) -> float:
    if tree.num_leaves == 1:
        return tree.leaf_value[0]
    rows = tree.internal_count[0]
    return sum(count / rows * value for count, value in zip(tree.leaf_count, tree.leaf_value, strict=True))
