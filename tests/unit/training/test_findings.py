from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contracts.application import COLUMNS
from scorer.policy import CutOffs
from tests.models import TINY, built_model, built_on, dataset, labelled
from training.baselines import evaluate_baselines
from training.card import write_card
from training.dataset import make_dataset
from training.fairness import attributes, fairness_facts, group_figures
from training.growing import Recipe
from training.intervals import (
    auc_difference,
    auc_interval,
    cost_difference,
    cost_interval,
    ratio_interval,
    share_interval,
)
from training.leakage import rank_auc
from training.pictures import draw_all
from training.select_features import Selected
from training.tune import Tried, Tuned

RANDOM = np.random.default_rng(8)
TARGET = (RANDOM.random(5_000) < 0.1).astype(np.int64)
SCORES = 1.0 / (1.0 + np.exp(-RANDOM.normal(TARGET * 1.0 - 2.0, 1.0)))


def test_a_bootstrap_interval_holds_the_auc_and_narrows_with_more_applicants() -> None:
    wide, narrow = (auc_interval(SCORES[:n], TARGET[:n], seed=1) for n in (500, 5_000))
    assert narrow.low < rank_auc(SCORES, TARGET) < narrow.high
    assert narrow.high - narrow.low < wide.high - wide.low


def test_what_two_models_get_wrong_alike_cancels_in_their_difference() -> None:
    shifted = SCORES * 0.9  # the same order
    assert auc_difference(SCORES, shifted, TARGET, seed=1) == pytest.approx((0.0, 0.0))
    assert cost_difference((SCORES, 0.1), (SCORES, 0.1), TARGET) == (0.0, 0.0)
    noisy = SCORES + RANDOM.normal(0.0, 0.2, 5_000)
    difference, error = auc_difference(SCORES, noisy, TARGET, seed=1)
    assert difference > 3 * error > 0


def test_intervals_of_shares_and_ratios_hold_the_truth_and_stay_in_range() -> None:
    assert share_interval(0, 10).low == 0.0
    assert share_interval(10, 10).high == pytest.approx(1.0)
    assert share_interval(50, 100).low < 0.5 < share_interval(50, 100).high
    assert ratio_interval((40, 100), (80, 100)).low < 0.5 < ratio_interval((40, 100), (80, 100)).high
    assert ratio_interval((80, 100), (0, 100)).high == math.inf
    assert 0.01 < ratio_interval((0, 100), (80, 100)).high < 0.1
    interval = cost_interval(SCORES, TARGET, 0.1)
    assert interval.low < interval.high


def test_a_group_that_was_promised_too_little_is_found_and_others_are_not() -> None:
    columns = labelled().columns
    target = (np.random.default_rng(2).random(len(columns)) < 0.1).astype(np.int64)
    honest = np.full(len(columns), 0.1)
    table = group_figures(columns, honest, target, CutOffs(0.2, 0.5))
    assert {row.attribute for row in table} >= {"age", "CODE_GENDER", "NAME_FAMILY_STATUS"}
    assert all(row.approval_ratio == 1.0 for row in table)
    wrong = honest / 3
    off = fairness_facts(group_figures(columns, wrong, target, CutOffs(0.2, 0.5)))
    assert off["group_miscalibration"] > 0.5 > fairness_facts(table)["group_miscalibration"]


def test_ages_come_in_bands_that_hold_everybody() -> None:
    columns = labelled().columns[:4].copy()
    columns[:, COLUMNS.index("DAYS_BIRTH")] = [-24 * 365.25, -25 * 365.25, -66 * 365.25, np.nan]
    bands = dict(attributes(columns))["age"].tolist()
    assert bands == ["below 25", "25 to 34", "65 and more", ""]


def test_a_gender_that_is_hardly_approved_is_found() -> None:
    columns = labelled().columns
    is_first = columns[:, COLUMNS.index("CODE_GENDER")] == 0
    unfair = np.where(is_first, 0.05, np.where(RANDOM.random(len(columns)) < 0.5, 0.05, 0.9))
    facts = fairness_facts(group_figures(columns, unfair, labelled().target, CutOffs(0.2, 0.5)))
    assert facts["gender_approval_ratio_high"] < 0.8


def test_a_gender_that_is_never_approved_is_found() -> None:
    columns = labelled().columns
    never = np.where(columns[:, COLUMNS.index("CODE_GENDER")] == 0, 0.9, 0.05)
    facts = fairness_facts(group_figures(columns, never, labelled().target, CutOffs(0.2, 0.5)))
    assert facts["gender_approval_ratio_high"] < 0.8


def test_baselines_are_measured_as_the_model_is() -> None:
    figures = evaluate_baselines(dataset(), dataset().inputs)
    assert figures.keys() >= {
        "baseline_external_mean_auc",
        "baseline_external_mean_cost",
        "baseline_logistic_auc",
        "baseline_logistic_ece",
    }
    assert figures["baseline_logistic_auc"] > 0.55
    assert figures["baseline_approve_all_cost"] == pytest.approx(10 * built_model().metrics["bad_rate"])


def test_applicants_without_a_known_end_show_how_far_they_have_moved(tmp_path: Path) -> None:
    there = labelled().columns.copy()
    there[:, COLUMNS.index("AMT_CREDIT")] *= 3
    built = built_on(make_dataset(labelled(), seed=5, unlabelled=there))
    assert built.metrics["features_moved"] >= 1
    assert built.metrics["score_psi"] >= 0
    drawn = draw_all(tmp_path, built, tuned=None, compared={})
    assert {"stability", "points_shift"} <= {path.stem for path in drawn}


def test_everything_worth_looking_at_is_a_picture_and_on_the_card(tmp_path: Path) -> None:
    pictures = draw_all(tmp_path, built_model(), tuned=None, compared={"production_auc": 0.7})
    markdown, page = write_card(
        tmp_path, built_model(), tuned=None, compared={"production_auc": 0.7}, pictures=pictures
    )
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    text = markdown.read_text()
    for said in ("Model in Production", "Calibration by decile", "seed", "3" * 64):
        assert said in text
    assert page.read_text().count("<img") == len(pictures)


def test_groups_calibrators_and_points_are_pictures(tmp_path: Path) -> None:
    drawn = draw_all(tmp_path, built_model(), tuned=None, compared={})
    wanted = {"fairness_ratio", "fairness_tpr", "calibrators", "points_scale"}
    assert wanted <= {path.stem for path in drawn}
    assert "points_shift" not in {path.stem for path in drawn}


def test_both_calibrators_are_shown_and_the_chosen_one_is_among_them() -> None:
    built = built_model()
    assert [type(one).__name__ for one in built.findings.calibrators.candidates] == ["Platt", "Isotonic"]
    assert built.manifest.calibrator in built.findings.calibrators.candidates


def test_which_features_were_dropped_and_what_that_cost_is_a_picture_and_on_the_card(tmp_path: Path) -> None:
    gains = {"EXT_SOURCE_1": 900.0, "AMT_CREDIT": 3.0, "DAYS_BIRTH": 0.0}
    selected = Selected(("EXT_SOURCE_1",), ("AMT_CREDIT", "DAYS_BIRTH"), 0.7612, 0.7609, gains, 4.0)
    built = replace(built_model(), selected=selected)
    drawn = draw_all(tmp_path, built, tuned=None, compared={})
    markdown, _ = write_card(tmp_path, built, tuned=None, compared={}, pictures=drawn)
    assert "selection" in {path.stem for path in drawn}
    told = markdown.read_text().split("## Feature selection")[1].split("##")[0]
    for said in ("2 of 3", "0.7612", "0.7609", "| AMT_CREDIT | 3 |", "| DAYS_BIRTH | 0 |"):
        assert said in told


def test_a_search_and_its_folds_are_pictures_too(tmp_path: Path) -> None:
    tried = (
        Tried({"num_leaves": 8, "learning_rate": 0.1}, 0.75),
        Tried({}, None),
        Tried({"num_leaves": 9, "learning_rate": 0.2}, 0.7),
    )
    built = built_on(dataset(), recipe=Recipe(TINY, n_folds=3))
    drawn = draw_all(tmp_path, built, tuned=Tuned(TINY, 0.75, 0, tried), compared={})
    assert {path.stem for path in drawn} >= {"folds", "learning", "tuning", "tuning_settings"}


def test_the_card_names_groups_that_are_approved_far_less_than_others(tmp_path: Path) -> None:
    built = built_model()
    group = group_figures(
        labelled().columns,
        np.where(labelled().columns[:, COLUMNS.index("CODE_GENDER")] == 0, 0.9, 0.05),
        labelled().target,
        CutOffs(0.2, 0.5),
    )
    findings = replace(built.findings, groups=group)
    markdown, _ = write_card(
        tmp_path, replace(built, findings=findings), tuned=None, compared={}, pictures=[]
    )
    watched = markdown.read_text().split("group to watch")[1].split("##")[0]
    assert "CODE_GENDER" in watched


def test_equal_models_have_equal_pictures(tmp_path: Path) -> None:
    bytes_of = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        drawn = draw_all(tmp_path / name, built_model(), tuned=None, compared={})
        bytes_of.append([path.read_bytes() for path in drawn])
    assert bytes_of[0] == bytes_of[1]


def test_the_card_says_that_folds_look_a_little_better_than_they_are(tmp_path: Path) -> None:
    built = built_on(dataset(), recipe=Recipe(TINY, n_folds=2))
    markdown, _ = write_card(tmp_path, built, tuned=None, compared={}, pictures=[])
    assert "measured on the rows that also stopped its trees" in markdown.read_text()
    assert "mean of folds (a little too high)" in markdown.read_text()


def test_what_too_few_applicants_cannot_say_is_unmeasured_and_no_number(tmp_path: Path) -> None:
    few = labelled().columns[:90]
    table = group_figures(few, np.full(90, 0.05), labelled().target[:90], CutOffs(0.2, 0.5))
    assert fairness_facts(table) == {"groups_measured": 0.0}
    columns = labelled().columns.copy()
    columns[:, COLUMNS.index("CODE_GENDER")] = 0
    one = group_figures(columns, np.full(1500, 0.05), labelled().target, CutOffs(0.2, 0.5))
    assert "gender_approval_ratio_high" not in fairness_facts(one)
    built = built_on(dataset())
    markdown, _ = write_card(tmp_path, built, tuned=None, compared={}, pictures=[])
    assert "| Model in Production | unmeasured | unmeasured | unmeasured |" in markdown.read_text()
    assert "genders approved alike: unmeasured: no two genders have 100" in markdown.read_text()
