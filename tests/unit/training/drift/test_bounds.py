"""The bounds hold what they promise: few false alarms, and shifts that matter are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from feature_service.application import FEATURE_NAMES, Features
from tests.unit.training.drift.conftest import Sample
from training.drift.judge import judge
from training.drift.performance import Judged
from training.drift.run import facts_of

NO_OUTCOMES = Judged(np.empty(0), np.empty(0, "U1"), np.empty(0, np.int64))
WINDOWS = 200
ROWS = 2_000


def verdict_on(sample: Sample, features: Features) -> str:
    return judge(facts_of(sample.reference, sample.window(features), NO_OUTCOMES)).verdict


def drawn(sample: Sample, random: np.random.Generator) -> Features:
    names = list(sample.reference.names)
    rows = random.choice(len(sample.reference.features), ROWS, replace=False)
    return sample.reference.features[rows][:, [names.index(name) for name in FEATURE_NAMES]]


def test_at_most_one_in_a_hundred_windows_of_the_reference_alarms(sample: Sample) -> None:
    random = np.random.default_rng(1)
    alarms = sum(verdict_on(sample, drawn(sample, random)) == "drift" for _ in range(WINDOWS))
    assert alarms <= WINDOWS // 100


def test_half_a_standard_deviation_in_three_important_features_is_found_in_one_window(sample: Sample) -> None:
    random = np.random.default_rng(2)
    ranked = sorted(sample.reference.importance, key=lambda name: -sample.reference.importance[name])[:12]
    missed = []
    for _ in range(25):
        features = drawn(sample, random)
        chosen = random.choice(ranked, 3, replace=False)
        for name in chosen:
            at = FEATURE_NAMES.index(name)
            features[:, at] += 0.5 * np.nanstd(sample.reference.features[:, at])
        if verdict_on(sample, features) != "drift":
            missed.append(tuple(chosen))
    assert missed == []


def test_the_test_file_is_not_the_training_file(sample: Sample) -> None:
    window = sample.window(sample.test_file)
    judgement = judge(facts_of(sample.reference, window, NO_OUTCOMES))
    assert judgement.verdict == "drift"
    assert judgement.findings


def test_that_the_test_file_is_another_is_seen_whatever_the_model_goes_by(sample: Sample) -> None:
    facts = facts_of(sample.reference, sample.window(sample.test_file), NO_OUTCOMES)
    assert judge(replace(facts, importance={}, score=None, approval_now=None)).verdict == "drift"


def test_two_random_halves_of_the_training_file_are_alike(sample: Sample) -> None:
    assert verdict_on(sample, sample.strangers) == "no drift"


@pytest.mark.parametrize("rows", [0, 1, 499])
def test_too_few_applications_are_not_enough_never_no_drift(sample: Sample, rows: int) -> None:
    judgement = judge(facts_of(sample.reference, sample.window(sample.test_file[:rows]), NO_OUTCOMES))
    assert judgement.verdict == "not enough"
    assert judgement.metrics["applications"] == rows
