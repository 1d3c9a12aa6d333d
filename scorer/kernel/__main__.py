"""Compiles the loops and keeps the code beside our bytecode: an image does it once, when it is built.

python -m scorer.kernel
"""

from __future__ import annotations

import sys

import numpy as np

from scorer.kernel.compiled import CompiledTrees
from scorer.trees import Tree


def main() -> int:
    """Call each loop once, on a tree without a split."""
    row = np.zeros((1, 1), dtype=np.float32)
    trees = CompiledTrees([Tree(num_leaves=1, leaf_value=[0.0])], n_features=1)
    trees.margins(row)
    trees.contributions(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
