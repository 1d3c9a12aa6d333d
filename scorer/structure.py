"""Checks a LightGBM text model before LightGBM sees it.

LightGBM trusts its text: a child index out of range, a cycle or a tree size that lies makes it
read and write out of bounds (its issues 7357, 7437, 7438). So every number it would follow is
followed here first, in Python. Called by `scorer.bundle` with bytes that nobody vouches for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

from scorer.errors import BundleRefused, Refusal
from scorer.trees import Tree, parse_tree

MAX_TREES: Final = 5_000
MAX_LEAVES: Final = 500_000
MAX_FEATURES: Final = 5_000
#: LightGBM recurses once per level.
MAX_DEPTH: Final = 256

_OBJECTIVE: Final = "binary sigmoid:1"
_FIXED_HEADER: Final = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}
_HEADER: Final = frozenset(
    {*_FIXED_HEADER, "max_feature_idx", "objective", "feature_names", "feature_infos", "tree_sizes"}
)


@dataclass(frozen=True, slots=True)
class ModelStructure:
    """What a checked model is made of; `n_leaves` counts the leaves of all its trees."""

    feature_names: tuple[str, ...]
    trees: tuple[Tree, ...]
    n_leaves: int
    depth: int

    @property
    def n_trees(self) -> int:
        """How many trees there are, those of a single leaf included."""
        return len(self.trees)


def check_structure(model_text: str) -> ModelStructure:
    """The structure of a sound model; BundleRefused, with the place and the rule, for any other."""
    if "end of trees" not in model_text:
        raise BundleRefused(Refusal.TRUNCATED, "model.txt has no 'end of trees'")
    header_text, found, _ = model_text.partition("\nTree=0\n")
    if not found:
        _refuse("there is no tree")
    header = _header(header_text)
    feature_names = _feature_names(header)
    blocks = _tree_blocks(model_text, start=len(header_text) + 1, sizes=header["tree_sizes"])
    trees = []
    leaves = depth = 0
    for number, block in enumerate(blocks):
        tree = parse_tree(block, number)
        trees.append(tree)
        leaves += tree.num_leaves
        depth = max(depth, _follow(tree, number, n_features=len(feature_names)))
    if leaves > MAX_LEAVES:
        raise BundleRefused(Refusal.TOO_LARGE, f"{leaves} leaves; at most {MAX_LEAVES} are served")
    return ModelStructure(feature_names=feature_names, trees=tuple(trees), n_leaves=leaves, depth=depth)


def _refuse(detail: str) -> NoReturn:
    raise BundleRefused(Refusal.BAD_STRUCTURE, detail)


def _header(text: str) -> dict[str, str]:
    first, *lines = text.rstrip("\n").split("\n")
    if first != "tree":
        _refuse("the model does not begin with 'tree'")
    header: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or name not in _HEADER or name in header:
            _refuse(f"header line {line[:60]!r} is not one that a plain binary model has")
        header[name] = value
    if missing := _HEADER - header.keys():
        _refuse(f"the header lacks {', '.join(sorted(missing))}")
    for name, value in _FIXED_HEADER.items():
        if header[name] != value:
            _refuse(f"header {name} is {header[name][:40]!r}, must be {value!r}")
    if header["objective"] != _OBJECTIVE:
        raise BundleRefused(
            Refusal.UNKNOWN_OBJECTIVE, f"objective {header['objective'][:40]!r}, must be {_OBJECTIVE!r}"
        )
    return header


def _feature_names(header: dict[str, str]) -> tuple[str, ...]:
    names = tuple(header["feature_names"].split(" "))
    if len(names) > MAX_FEATURES:
        raise BundleRefused(Refusal.TOO_LARGE, f"{len(names)} features; at most {MAX_FEATURES} are served")
    if header["max_feature_idx"] != str(len(names) - 1):
        _refuse(f"max_feature_idx is {header['max_feature_idx'][:20]!r} for {len(names)} feature names")
    if len(header["feature_infos"].split(" ")) != len(names):
        _refuse("feature_infos and feature_names differ in length")
    return names


def _tree_blocks(model_text: str, *, start: int, sizes: str) -> list[str]:
    """The text of each tree, cut where LightGBM would cut: at the sizes that the header claims."""
    claimed = sizes.split(" ")
    if len(claimed) > MAX_TREES:
        raise BundleRefused(Refusal.TOO_LARGE, f"{len(claimed)} trees; at most {MAX_TREES} are served")
    blocks = []
    position = start
    for number, size in enumerate(claimed):
        if not (size.isascii() and size.isdigit()) or len(size) > 9:
            _refuse(f"tree size {size[:20]!r} is no number")
        block = model_text[position : position + int(size)]
        if not block.startswith(f"Tree={number}\n") or "\nTree=" in block or not block.endswith("\n"):
            _refuse(f"tree {number} does not lie where tree_sizes says")
        blocks.append(block)
        position += int(size)
    if not model_text.startswith("end of trees", position):
        _refuse("tree_sizes do not end where the trees end")
    return blocks


def _follow(tree: Tree, number: int, *, n_features: int) -> int:
    """The tree's depth, after walking to each node and leaf once."""
    if any(not 0 <= feature < n_features for feature in tree.split_feature):
        _refuse(f"tree {number} splits on a feature that the model does not have")
    n_nodes = tree.num_leaves - 1
    seen_nodes = bytearray(n_nodes)
    seen_leaves = bytearray(tree.num_leaves)
    waiting = [(0 if n_nodes else -1, 0)]
    deepest = 0
    while waiting:
        child, level = waiting.pop()
        deepest = max(deepest, level)
        index = child if child >= 0 else ~child
        seen = seen_nodes if child >= 0 else seen_leaves
        if index >= len(seen) or seen[index]:
            _refuse(f"tree {number}: child {child} is out of range or reached twice")
        seen[index] = 1
        if child >= 0:
            waiting += ((tree.left_child[index], level + 1), (tree.right_child[index], level + 1))
    if not all(seen_nodes) or not all(seen_leaves):
        _refuse(f"tree {number} has nodes or leaves that nothing leads to")
    if deepest > MAX_DEPTH:
        raise BundleRefused(
            Refusal.TOO_LARGE, f"tree {number} is {deepest} levels deep; at most {MAX_DEPTH} are served"
        )
    return deepest
