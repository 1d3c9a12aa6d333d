"""Where machine code is kept, and when it is compiled anew: processes on a copy of the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
#: Walks a tree and says what was found compiled and what was not. "full": no file can be written.
PROGRAM = """
import resource, sys
import numpy as np
from scorer.kernel import compiled, machine
from scorer.trees import Tree
if "full" in sys.argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
forest = compiled.lay_out([Tree(num_leaves=1, leaf_value=[0.5])], n_features=1).forest
margins = np.zeros(1)
machine._walk(forest.nodes, np.zeros((1, 1), np.uint16), margins)
stats = machine._walk.stats
print(margins[0], "found" if stats.cache_hits else "compiled")
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of our packages without what was compiled before."""
    for package in ("contracts", "feature_service", "scorer"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(tree: Path, *arguments: str) -> str:
    command = [sys.executable, "-B", "-c", PROGRAM, *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout.strip()


def test_it_is_compiled_once_kept_beside_the_bytecode_and_read_where_nobody_can_write(tree: Path) -> None:
    folder = tree / "scorer" / "kernel" / "__pycache__"
    assert run(tree, "full") == "0.5 compiled"
    assert not list(folder.glob("*.nbc"))
    assert run(tree) == "0.5 compiled"
    assert [file.name.partition("-")[0] for file in folder.glob("*.nbc")] == ["machine._walk"]
    assert run(tree, "full") == "0.5 found"


def test_it_is_compiled_anew_when_a_file_that_its_loops_may_call_changes(tree: Path) -> None:
    run(tree)
    with (tree / "scorer" / "kernel" / "fours.py").open("a") as source:
        source.write("# another line\n")
    assert run(tree) == "0.5 compiled"
