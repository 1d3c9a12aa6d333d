from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scorer.bundle import read_bundle
from scorer.model import ServingModel
from tests.models import (
    ORIGIN,
    TINY,
    built_model,
    built_on,
    dataset,
    dataset_with,
    labelled,
    write_model,
)
from training.build import build_model
from training.dataset import make_dataset
from training.growing import Recipe


def test_the_same_inputs_give_the_same_model_to_the_byte() -> None:
    again = built_on(make_dataset(labelled(), seed=5))
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
    aucs = []
    for seed in range(4):
        shuffled = np.random.default_rng(seed).permutation(labelled().target)
        aucs.append(built_on(dataset_with(shuffled)).metrics["auc"])
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.12)
    assert built_model().metrics["auc"] > 0.7


def test_cross_validation_gives_a_fold_spread_and_the_same_model_twice() -> None:
    recipe = Recipe(replace(TINY, max_trees=12), n_folds=3)
    first = built_on(dataset(), recipe=recipe)
    assert len(first.findings.folds) == 3
    assert first.metrics["fold_auc_spread"] > 0
    assert built_on(dataset(), recipe=recipe).manifest == first.manifest


def test_a_recipe_may_name_fewer_features() -> None:
    built = built_on(dataset(), recipe=Recipe(TINY, features=("EXT_SOURCE_2", "EXT_SOURCE_MEAN")))
    assert built.manifest.feature_names == ("EXT_SOURCE_2", "EXT_SOURCE_MEAN")
    assert [group.code for group in built.manifest.reason_groups] == ["EXTERNAL_SCORE_LOW"]


def test_gender_and_family_are_no_inputs_and_yet_measured() -> None:
    assert not {"CODE_GENDER", "NAME_FAMILY_STATUS", "CNT_FAM_MEMBERS"} & set(
        built_model().manifest.feature_names
    )
    assert "CODE_GENDER" in built_model().held_out.names


def test_the_lineage_says_who_was_in_which_part() -> None:
    lineage = built_model().manifest.lineage
    assert lineage.parts == dataset().parts.digests(dataset().applicant_ids)
    assert lineage.parts.keys() == {"fit", "choose", "held_out"}


def test_progress_names_each_stage() -> None:
    stages: list[str] = []
    build_model(
        dataset(),
        model_name="credit-risk",
        recipe=Recipe(TINY),
        origin=ORIGIN,
        progress=lambda stage, _: stages.append(stage),
    )
    assert stages[0].startswith("growing trees (AUC")
    assert stages[-1] == "evaluating on held-out applicants"


def test_a_built_model_can_be_served(tmp_path: Path) -> None:
    digest = write_model(tmp_path / "bundle")
    assert ServingModel(read_bundle(tmp_path / "bundle", expected_digest=digest)).digest == digest
