"""The README's section "Add a feature", done as it stands: one line, and everything else follows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("contracts", "feature_service", "infra", "scorer", "scorestream", "tests", "training")

WHAT_FOLLOWS = """
import json, sys
from pathlib import Path
import numpy as np
from click.testing import CliRunner
from feature_service import catalogue
from scorer.bundle import read_bundle
from scorer.model import ServingModel
from scorestream.commands.features import features
from tests.feature_builds import build, reader_of, value
from tests.models import built_on, write_model
from training.applications import read_labelled_applications
from training.dataset import make_dataset
from training.sample import write_sample
from training.snapshots import SnapshotHistory

name, root = sys.argv[1], Path(sys.argv[2])
catalogue.main([])
write_sample(root / "csv", applicants=500, seed=3)
snapshot = reader_of(build(root / "csv", root))
labelled = read_labelled_applications(root / "csv" / "application_train.csv")
rows = make_dataset(labelled, seed=5, history=SnapshotHistory(snapshot))
write_model(root / "bundle", built_on(rows))
values = snapshot.matrix[:, snapshot.manifest.feature_names.index(name)]
print(json.dumps({
    "listed": [line for line in CliRunner().invoke(features, ["list"]).output.splitlines() if name in line],
    "page": [line for line in catalogue.PAGE.read_text().splitlines() if f"`{name}`" in line],
    "known": float(np.mean(~np.isnan(values))),
    "largest": float(np.nanmax(values)),
    "in_model": name in ServingModel(read_bundle(root / "bundle")).feature_names,
}))
"""


def section() -> str:
    found = re.search(r"### Add a feature\n(.*?)(?=\n##|\Z)", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The source tree of a newcomer."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / "tree" / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (tmp_path / "tree" / "docs").mkdir()
    return tmp_path / "tree"


def test_one_line_is_seen_in_the_list_the_page_the_snapshot_and_the_model(tree: Path, tmp_path: Path) -> None:
    told = section()
    [line] = re.findall(r"```python\n(.*?)```", told, re.DOTALL)
    [module] = re.findall(r"\((feature_service/views/\w+\.py)\), below", told)
    [above] = re.findall(r"below `(\w+)`", told)
    [name] = re.findall(r'feature\("(\w+)"', line)

    source = (tree / module).read_text()
    place = re.search(rf'\n    feature\(\s*"{above}".*?\n(?=    feature\()', source, re.DOTALL)
    assert place is not None
    (tree / module).write_text(source[: place.end()] + line + source[place.end() :])

    ended = subprocess.run(
        [sys.executable, "-c", dedent(WHAT_FOLLOWS), name, str(tmp_path)],
        env={"PYTHONPATH": str(tree), "PATH": ""}, cwd=tree, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    seen = json.loads(ended.stdout.splitlines()[-1])
    assert len(seen["listed"]) == len(seen["page"]) == 1
    assert 0.7 < seen["known"] < 1.0
    assert 0.0 < seen["largest"] <= 1.0
    assert seen["in_model"]
