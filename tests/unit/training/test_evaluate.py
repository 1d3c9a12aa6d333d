from __future__ import annotations

import numpy as np
import pytest

from scorer.policy import CutOffs
from training.evaluate import calibration_p, deciles, evaluate

CUT_OFFS = CutOffs(approve_below=0.2, decline_from=0.6)


def test_the_figures_of_a_small_case_worked_by_hand() -> None:
    probabilities = np.array([0.1, 0.1, 0.4, 0.8])
    target = np.array([0, 0, 1, 1])
    figures = evaluate(probabilities, target, cut_offs=CUT_OFFS, break_even=0.3)
    assert figures["auc"] == 1.0
    assert figures["gini"] == 1.0
    assert figures["ks"] == 1.0
    assert figures["cost_per_applicant"] == 0.0
    assert figures["brier"] == pytest.approx((0.01 + 0.01 + 0.36 + 0.04) / 4)
    assert (figures["approval_rate"], figures["refer_rate"], figures["decline_rate"]) == (0.5, 0.25, 0.25)
    assert figures["bad_rate_approved"] == 0.0


def test_nobody_approved_is_no_division_by_zero() -> None:
    figures = evaluate(np.array([0.5, 0.7]), np.array([0, 1]), cut_offs=CUT_OFFS, break_even=0.3)
    assert figures["bad_rate_approved"] == 0.0


def test_deciles_go_from_safest_to_riskiest_and_hold_everybody() -> None:
    probabilities = np.random.default_rng(1).random(1003)
    table = deciles(probabilities, (probabilities > 0.5).astype(np.int64))
    assert [row.decile for row in table] == list(range(1, 11))
    assert sum(row.applicants for row in table) == 1003
    assert table[0].bad_rate == 0.0
    assert table[-1].bad_rate == 1.0


def test_perfect_calibration_has_no_expected_error_and_a_shift_shows() -> None:
    random = np.random.default_rng(2)
    truth = random.random(100_000)
    target = (random.random(100_000) < truth).astype(np.int64)
    figures = evaluate(truth, target, cut_offs=CUT_OFFS, break_even=0.3)
    shifted = evaluate(np.clip(truth + 0.1, 0.0, 1.0), target, cut_offs=CUT_OFFS, break_even=0.3)
    assert figures["ece"] < 0.01
    assert shifted["ece"] > 0.08


def test_true_probabilities_pass_the_calibration_test_and_wrong_ones_do_not() -> None:
    random = np.random.default_rng(3)
    truth = random.uniform(0.01, 0.4, 20_000)
    target = (random.random(20_000) < truth).astype(np.int64)
    assert calibration_p(truth, target) > 0.01
    assert calibration_p(truth * 1.3, target) < 0.001
