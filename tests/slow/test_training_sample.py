"""Training on the sample: better than its baselines, true PDs, repeatable, inside its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from tests.fake_registry import FakeRegistry
from tests.models import no_progress
from training.fit import FitSettings
from training.sample import write_sample
from training.train import TrainingOutcome, TrainingPlan, train
from training.tune import TuningPlan

pytestmark = pytest.mark.slow

APPLICANTS = 60_000
#: 300,000 applicants with the features of the whole store: what a machine of 12 GB must hold.
FULL_ROWS, FULL_FEATURES, PEAK_KB = 300_000, 450, 12_000_000


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, applicants=APPLICANTS, seed=3, tables=("application_train", "application_test"))
    return folder


def plan(folder: Path) -> TrainingPlan:
    tuning = TuningPlan(trials=8, rows=20_000)
    return TrainingPlan(folder, "credit-risk", FitSettings(), 7, tuning, None, 5)


@pytest.fixture(scope="module")
def trained(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingOutcome:
    return train(plan(sample), FakeRegistry(tmp_path_factory.mktemp("registry")), progress=no_progress)


def test_the_model_beats_its_baselines(trained: TrainingOutcome) -> None:
    assert trained.built is not None
    figures = trained.built.metrics
    assert figures["auc"] > figures["baseline_external_mean_auc"]
    assert figures["auc"] > figures["baseline_logistic_auc"] - 0.005
    assert figures["cost_per_applicant"] < figures["baseline_approve_all_cost"]
    assert figures["auc"] < 0.80, "above that, suspect a leak"


def test_deciles_keep_their_promise_within_sampling_error(trained: TrainingOutcome) -> None:
    assert trained.built is not None
    assert trained.built.metrics["calibration_p"] > 0.001


def test_training_again_gives_the_same_bundle_to_the_byte(
    trained: TrainingOutcome, sample: Path, tmp_path: Path
) -> None:
    again = train(plan(sample), FakeRegistry(tmp_path), progress=no_progress)
    assert again.version.digest == trained.version.digest


def test_labels_that_mean_nothing_are_not_learnt(sample: Path, tmp_path: Path) -> None:
    lines = (sample / "application_train.csv").read_text().splitlines()
    position = lines[0].split(",").index("TARGET")
    rows = [line.split(",") for line in lines[1:]]
    shuffled = np.random.default_rng(1).permutation([row[position] for row in rows])
    for row, label in zip(rows, shuffled, strict=True):
        row[position] = label
    folder = tmp_path / "shuffled"
    folder.mkdir()
    text = "\n".join([lines[0], *(",".join(row) for row in rows)])
    (folder / "application_train.csv").write_text(text + "\n")
    built = train(plan(folder), FakeRegistry(tmp_path / "registry"), progress=no_progress).built
    assert built is not None
    assert built.metrics["auc"] == pytest.approx(0.5, abs=0.03)


FULL_SIZE = f"""
import json, resource
import numpy as np
from tests.wide_history import WideHistory, labelled_like
from tests.models import ORIGIN, no_progress
from training.build import build_model
from training.dataset import make_dataset
from training.fit import FitSettings
from training.growing import Recipe
rows = make_dataset(labelled_like({FULL_ROWS}), seed=1, history=WideHistory({FULL_FEATURES}))
recipe = Recipe(FitSettings(max_trees=20), n_folds=2)
built = build_model(rows, model_name="m", recipe=recipe, origin=ORIGIN, progress=no_progress)
print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, built.metrics["features"]]))
"""


def test_the_full_size_fits_into_its_memory() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", dedent(FULL_SIZE)], capture_output=True, text=True, timeout=3000, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    peak_kb, features = json.loads(ended.stdout)
    assert features > FULL_FEATURES
    assert peak_kb < PEAK_KB
