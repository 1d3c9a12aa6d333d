"""Part of the real files, or part of their rows: built, validated and trained on without a change.

The quality gate is the real one; only what cannot be judged from a part is a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feature_service.build import BuildRequest, Built, build_snapshot
from feature_service.quality.gate import run_gate
from feature_service.snapshot import SnapshotReader
from feature_service.sources import OPTIONAL_TABLES, SOURCES
from feature_service.store import SnapshotStore
from feature_service.vector import ALL_FEATURES
from infra.local.platform import missing_tables
from scorer.bundle import read_bundle
from scorer.model import ServingModel
from tests.fake_registry import FakeRegistry
from tests.models import TINY, no_progress
from training.sample import write_sample
from training.snapshots import SnapshotHistory
from training.train import TrainingPlan, train


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_sample(folder, applicants=3_000, seed=8)
    return folder


def only_applications(whole: Path, folder: Path) -> None:
    link(whole, folder, "application_train")


def without_instalments(whole: Path, folder: Path) -> None:
    link(whole, folder, *(name for name in SOURCES if name != "installments_payments"))


def few_applicants_beside_whole_tables(whole: Path, folder: Path) -> None:
    link(whole, folder, *(name for name in SOURCES if name != "application_train"))
    head(whole, folder, "application_train", 900)


def the_first_rows_of_each_table(whole: Path, folder: Path) -> None:
    for name in SOURCES:
        head(whole, folder, name, 900 if name.startswith("application") else 5_000)


def link(whole: Path, folder: Path, *names: str) -> None:
    for name in names:
        (folder / SOURCES[name].file_name).symlink_to(whole / SOURCES[name].file_name)


def head(whole: Path, folder: Path, name: str, rows: int) -> None:
    lines = (whole / SOURCES[name].file_name).read_text().splitlines(keepends=True)
    (folder / SOURCES[name].file_name).write_text("".join(lines[: rows + 1]))


def built_from(folder: Path, root: Path) -> Built:
    request = BuildRequest(folder, root / "cache", allow_missing=missing_tables(folder))
    return build_snapshot(
        request, SnapshotStore(str(root / "store")), lambda parquet, docs: run_gate(parquet, docs_dir=docs)
    )


@pytest.mark.parametrize(
    "part",
    [
        only_applications,
        pytest.param(the_first_rows_of_each_table, marks=pytest.mark.slow),
        pytest.param(without_instalments, marks=pytest.mark.slow),
        pytest.param(few_applicants_beside_whole_tables, marks=pytest.mark.slow),
    ],
)
def test_a_part_of_the_files_is_built_validated_and_trained_on(
    part: Callable[[Path, Path], None], whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "part"
    folder.mkdir()
    part(whole, folder)

    built = built_from(folder, tmp_path)
    assert set(built.manifest.missing_tables) == set(missing_tables(folder))
    assert built.manifest.quality.report["passed"]

    snapshot = SnapshotReader.open(Path(built.uri))
    plan = TrainingPlan(folder, "credit-risk", TINY, 7, history=SnapshotHistory(snapshot))
    version = train(plan, FakeRegistry(tmp_path / "registry"), progress=no_progress).version
    model = ServingModel(read_bundle(Path(version.bundle_uri)))
    absent = set(built.manifest.missing_tables)
    filled = {one.name for one in ALL_FEATURES if not absent & set(one.table.split(" + "))}
    assert set(model.history_used) <= filled
    assert bool(model.history_used) == (absent != set(OPTIONAL_TABLES))
    gone = [index for index, one in enumerate(ALL_FEATURES) if one.name not in filled]
    assert np.isnan(snapshot.matrix[:, gone]).all()
