"""One tree of a LightGBM text model, read strictly: every array has its length and its range.

Called by `scorer.structure`, which then follows the tree's links; compiled by `scorer.kernel`. Numbers
are matched as text first: Python reads `1_0` as ten where LightGBM reads one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NoReturn

from scorer.errors import BundleRefused, Refusal

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?(e[-+]?[0-9]{1,3})?")

#: Arrays by what their length is counted in. LightGBM writes them all for a tree with a split.
_PER_NODE_INTEGER: Final = ("split_feature", "decision_type", "left_child", "right_child", "internal_count")
_PER_NODE_NUMBER: Final = ("split_gain", "internal_value", "internal_weight")
_CATEGORICAL: Final = ("cat_boundaries", "cat_threshold")
_SCALARS: Final = ("num_leaves", "num_cat", "is_linear", "shrinkage")
_PER_LEAF: Final = ("leaf_value", "leaf_weight", "leaf_count")
_KNOWN: Final = frozenset(
    {*_PER_NODE_INTEGER, *_PER_NODE_NUMBER, "threshold", *_CATEGORICAL, *_SCALARS, *_PER_LEAF}
)

_IS_CATEGORICAL: Final = 1
_MISSING_GOES_LEFT: Final = 2
#: Bit 0: categorical; bit 1: missing goes left; bits 2 and 3: what counts as missing (0, 1 or 2).
_LARGEST_DECISION_TYPE: Final = 0b1011
_LARGEST_LEAF_COUNT: Final = 100_000
_LARGEST_ROW_COUNT: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree under LightGBM's own names. A child below 0 is the leaf with the index `~child`."""

    num_leaves: int
    leaf_value: Sequence[float]
    leaf_count: Sequence[int] = ()
    internal_count: Sequence[int] = ()
    split_feature: Sequence[int] = ()
    threshold: Sequence[float] = ()
    decision_type: Sequence[int] = ()
    left_child: Sequence[int] = ()
    right_child: Sequence[int] = ()
    cat_boundaries: Sequence[int] = ()
    cat_threshold: Sequence[int] = ()

    @property
    def root(self) -> int:
        """The first node as a child: a tree of one leaf begins with that leaf."""
        return 0 if self.num_leaves > 1 else ~0

    def is_categorical(self, node: int) -> bool:
        """Whether the split asks for membership in a set of categories."""
        return bool(self.decision_type[node] & _IS_CATEGORICAL)

    def is_missing_left(self, node: int) -> bool:
        """Whether a missing value goes left at a numeric split."""
        return bool(self.decision_type[node] & _MISSING_GOES_LEFT)

    def missing_type(self, node: int) -> int:
        """What a numeric split takes for missing: 0 nothing, 1 zero, 2 NaN."""
        return self.decision_type[node] >> 2

    def categories(self, node: int) -> int:
        """The codes that go left at a categorical split, as the bits of one number."""
        at = int(self.threshold[node])
        words = self.cat_threshold[self.cat_boundaries[at] : self.cat_boundaries[at + 1]]
        return sum(word << (32 * index) for index, word in enumerate(words))

    def row_count(self, child: int) -> int:
        """The training rows that reached a node, or a leaf when `child` is below 0."""
        return self.internal_count[child] if child >= 0 else self.leaf_count[~child]


def parse_tree(block: str, number: int) -> Tree:
    """The links of the tree in `block`; BundleRefused if any of its arrays is not sound."""
    return _TreeText(block, number).tree()


class _TreeText:
    def __init__(self, block: str, number: int) -> None:
        self.number = number
        self.lines: dict[str, str] = {}
        if "\nis_linear=1\n" in block:
            raise BundleRefused(Refusal.LINEAR_TREES, f"tree {number} has linear leaves")
        for line in block.split("\n")[1:]:
            name, equals, value = line.partition("=")
            if not line:
                continue
            if not equals or name not in _KNOWN or name in self.lines:
                self.refuse(f"line {line[:60]!r} is unknown or there twice")
            self.lines[name] = value

    def refuse(self, detail: str) -> NoReturn:
        raise BundleRefused(Refusal.BAD_STRUCTURE, f"tree {self.number}: {detail}")

    def tree(self) -> Tree:
        if self.lines.get("is_linear", "0") != "0":
            raise BundleRefused(Refusal.LINEAR_TREES, f"tree {self.number} has linear leaves")
        num_leaves = self.integers("num_leaves", 1)[0]
        if not 1 <= num_leaves <= _LARGEST_LEAF_COUNT:
            self.refuse(f"num_leaves is {num_leaves}")
        self.numbers("shrinkage", 1)
        leaf_value = self.numbers("leaf_value", num_leaves)
        if num_leaves == 1:
            return Tree(num_leaves=1, leaf_value=leaf_value)
        leaf_count, internal_count = self.counts(num_leaves)
        for name in _PER_NODE_NUMBER:
            self.numbers(name, num_leaves - 1)
        decision_type, threshold = self.decisions(num_leaves - 1)
        cat_boundaries, cat_threshold = self.categories()
        return Tree(
            num_leaves=num_leaves,
            leaf_value=leaf_value,
            leaf_count=leaf_count,
            internal_count=internal_count,
            split_feature=self.integers("split_feature", num_leaves - 1),
            threshold=threshold,
            decision_type=decision_type,
            left_child=self.integers("left_child", num_leaves - 1),
            right_child=self.integers("right_child", num_leaves - 1),
            cat_boundaries=cat_boundaries,
            cat_threshold=cat_threshold,
        )

    def tokens(self, name: str, length: int) -> list[str]:
        if name not in self.lines:
            self.refuse(f"{name} is missing")
        tokens = self.lines[name].split(" ")
        if len(tokens) != length:
            self.refuse(f"{name} has {len(tokens)} values, must have {length}")
        return tokens

    def integers(self, name: str, length: int) -> list[int]:
        tokens = self.tokens(name, length)
        if not all(map(_INTEGER.fullmatch, tokens)):
            self.refuse(f"{name} holds something that is no whole number")
        return list(map(int, tokens))

    def numbers(self, name: str, length: int) -> list[float]:
        tokens = self.tokens(name, length)
        values = [float(token) if _NUMBER.fullmatch(token) else math.nan for token in tokens]
        if not all(map(math.isfinite, values)):
            raise BundleRefused(
                Refusal.NOT_FINITE, f"tree {self.number}: {name} holds something that is no finite number"
            )
        return values

    def thresholds(self, n_nodes: int) -> list[float]:
        # A split of "known" from "missing" has no bound: LightGBM writes inf.
        tokens = self.tokens("threshold", n_nodes)
        if not all(text == "inf" or _NUMBER.fullmatch(text) for text in tokens):
            self.refuse("threshold holds something that is no number")
        return list(map(float, tokens))

    def counts(self, num_leaves: int) -> tuple[list[int], list[int]]:
        # Contributions divide by these.
        self.numbers("leaf_weight", num_leaves)
        leaves = self.integers("leaf_count", num_leaves)
        nodes = self.integers("internal_count", num_leaves - 1)
        if not all(1 <= count <= _LARGEST_ROW_COUNT for count in leaves + nodes):
            self.refuse("a count of rows is out of range")
        return leaves, nodes

    def decisions(self, n_nodes: int) -> tuple[list[int], list[float]]:
        decision_types = self.integers("decision_type", n_nodes)
        if any(not 0 <= kind <= _LARGEST_DECISION_TYPE for kind in decision_types):
            self.refuse("a decision_type is unknown")
        num_cat = self.integers("num_cat", 1)[0]
        if not 0 <= num_cat <= n_nodes:
            self.refuse(f"num_cat is {num_cat} for {n_nodes} splits")
        thresholds = self.thresholds(n_nodes)
        categorical = [
            threshold
            for kind, threshold in zip(decision_types, thresholds, strict=True)
            if kind & _IS_CATEGORICAL
        ]
        if sorted(categorical) != list(range(num_cat)):
            self.refuse("categorical splits and num_cat disagree")
        return decision_types, thresholds

    def categories(self) -> tuple[list[int], list[int]]:
        num_cat = self.integers("num_cat", 1)[0]
        if not num_cat:
            return [], []
        boundaries = self.integers("cat_boundaries", num_cat + 1)
        words = self.integers("cat_threshold", len(self.lines.get("cat_threshold", "").split(" ")))
        is_rising = all(low < high for low, high in pairwise(boundaries))
        if boundaries[0] != 0 or not is_rising or boundaries[-1] != len(words):
            self.refuse("cat_boundaries do not divide cat_threshold")
        if any(not 0 <= word < 2**32 for word in words):
            self.refuse("cat_threshold holds something that is no 32-bit word")
        return boundaries, words
