from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from scorer.bundle import read_bundle
from scorer.model import ServingModel
from tests.models import ORIGIN, TINY, built_model, labelled, no_progress, write_model
from training.build import build_model


def test_the_same_inputs_give_the_same_model_to_the_byte() -> None:
    again = build_model(
        labelled(), model_name="credit-risk", settings=TINY, origin=ORIGIN, progress=no_progress
    )
    assert again.model_text == built_model().model_text
    assert again.manifest == built_model().manifest
    assert again.golden == built_model().golden


def test_another_seed_gives_another_model() -> None:
    assert built_model(6).model_text != built_model().model_text


def test_golden_rows_cover_the_range_and_the_application_that_says_nothing() -> None:
    golden = built_model().golden
    assert len(golden.rows) >= 32
    assert all(value is None for value in golden.rows[-1])
    assert len(set(golden.margins)) > 20


def test_shuffled_labels_are_not_learnt() -> None:
    shuffled = np.random.default_rng(1).permutation(labelled().target)
    built = build_model(
        replace(labelled(), target=shuffled),
        model_name="credit-risk",
        settings=TINY,
        origin=ORIGIN,
        progress=no_progress,
    )
    assert abs(built.metrics["auc"] - 0.5) < 0.2
    assert built_model().metrics["auc"] > 0.75


def test_progress_names_each_stage() -> None:
    stages: list[str] = []
    build_model(
        labelled(),
        model_name="credit-risk",
        settings=TINY,
        origin=ORIGIN,
        progress=lambda stage, _: stages.append(stage),
    )
    assert stages[0] == "computing features"
    assert stages[-1] == "evaluating on held-out applicants"


def test_a_built_model_can_be_served(tmp_path: Path) -> None:
    digest = write_model(tmp_path / "bundle")
    assert ServingModel(read_bundle(tmp_path / "bundle", expected_digest=digest)).digest == digest
