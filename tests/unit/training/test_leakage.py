from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contracts.application import COLUMNS
from feature_service.application import MODEL_INPUTS
from tests.models import built_on, dataset, labelled
from training.dataset import make_dataset
from training.findings import fit_part_aucs
from training.leakage import rank_auc, single_feature_aucs, suspects

RANDOM = np.random.default_rng(3)
TARGET = (RANDOM.random(4_000) < 0.1).astype(np.int64)


def feature(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).reshape(-1, 1)


def test_the_auc_of_ranks_counts_ties_half() -> None:
    assert rank_auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0, 0, 1, 1])) == pytest.approx(0.875)
    assert rank_auc(np.zeros(4), np.array([0, 1, 0, 1])) == 0.5


def test_noise_alone_tells_nothing() -> None:
    aucs = single_feature_aucs(feature(RANDOM.random(4_000)), TARGET, ["NOISE"])
    assert aucs["NOISE"] == pytest.approx(0.5, abs=0.05)


def test_a_copy_of_the_outcome_is_a_suspect_in_either_direction() -> None:
    leak = np.hstack([feature(TARGET + 0.0), feature(1.0 - TARGET)])
    assert suspects(single_feature_aucs(leak, TARGET, ["UP", "DOWN"])).keys() == {"UP", "DOWN"}


def test_a_value_that_is_missing_just_for_the_bad_is_a_suspect() -> None:
    values = np.where(TARGET == 1, np.nan, RANDOM.random(4_000))
    assert suspects(single_feature_aucs(feature(values), TARGET, ["GAPS"]))


def test_a_category_is_judged_on_rows_its_rate_was_not_taken_from() -> None:
    codes = np.arange(4_000) % 58
    aucs = single_feature_aucs(feature(codes), TARGET, ["ORGANIZATION_TYPE"])
    assert aucs["ORGANIZATION_TYPE"] < 0.6
    leak = single_feature_aucs(feature(TARGET * 3.0), TARGET, ["ORGANIZATION_TYPE"])
    assert leak["ORGANIZATION_TYPE"] == 1.0


def test_a_planted_leak_is_found_among_all_features() -> None:
    columns = labelled().columns.copy()
    noise = np.random.default_rng(1).random(len(columns)) < 0.02
    columns[:, COLUMNS.index("OWN_CAR_AGE")] = np.where(noise, 5.0, labelled().target * 10.0)
    leaky = make_dataset(replace(labelled(), columns=columns), seed=5)
    assert list(suspects(fit_part_aucs(leaky, MODEL_INPUTS))) == ["OWN_CAR_AGE", "CAR_AGE_TO_AGE"]
    assert suspects(fit_part_aucs(dataset(), MODEL_INPUTS)) == {}
    assert built_on(leaky).metrics["leak_suspects"] == 2.0


def test_a_feature_that_is_better_than_any_honest_one_is_a_suspect() -> None:
    too_good, honest = TARGET * 1.5, TARGET * 0.9
    noise = np.random.default_rng(5).normal(size=4_000)
    both = np.hstack([feature(too_good + noise), feature(honest + noise)])
    aucs = single_feature_aucs(both, TARGET, ["TOO_GOOD", "HONEST"])
    assert 0.80 < aucs["TOO_GOOD"] < 0.90
    assert 0.70 < aucs["HONEST"] < 0.78
    assert suspects(aucs).keys() == {"TOO_GOOD"}
