from __future__ import annotations

import numpy as np
import pytest

from scorer.calibration import Isotonic, Platt, check_calibrator
from training.calibrate import choose_calibrator, fit_isotonic, fit_platt
from training.cost import break_even, cost_per_applicant, cut_offs_around

RANDOM = np.random.default_rng(4)
MARGINS = RANDOM.normal(-2.0, 1.0, 20_000)


def outcomes(probabilities: np.ndarray) -> np.ndarray:
    return (np.random.default_rng(9).random(len(probabilities)) < probabilities).astype(np.int64)


def test_platt_finds_the_curve_that_made_the_outcomes() -> None:
    truth = Platt(slope=1.4, intercept=0.3)
    fitted = fit_platt(MARGINS, outcomes(truth.probabilities(MARGINS)))
    assert fitted.slope == pytest.approx(1.4, abs=0.1)
    assert fitted.intercept == pytest.approx(0.3, abs=0.15)


def test_isotonic_is_sound_and_close_to_the_truth() -> None:
    truth = Isotonic(margins=(-6.0, -2.0, 2.0), probabilities_at=(0.01, 0.03, 0.9))
    fitted = fit_isotonic(MARGINS, outcomes(truth.probabilities(MARGINS)))
    check_calibrator(fitted)
    assert fitted.probabilities(np.array([0.0])) == pytest.approx(0.465, abs=0.08)


def test_a_curve_that_platt_cannot_bend_to_is_calibrated_by_isotonic() -> None:
    step = np.where(MARGINS < -2.0, 0.02, 0.4)
    chosen = choose_calibrator(MARGINS, outcomes(step), seed=1)
    assert isinstance(chosen.calibrator, Isotonic)
    assert chosen.log_losses["isotonic"] < chosen.log_losses["platt"]


def test_a_logistic_curve_is_calibrated_by_platt() -> None:
    chosen = choose_calibrator(MARGINS[:3000], outcomes(1.0 / (1.0 + np.exp(-MARGINS[:3000]))), seed=1)
    assert isinstance(chosen.calibrator, Platt)
    assert len(chosen.out_of_fold) == 3000


def test_a_missed_default_costs_ten_refused_good_applicants() -> None:
    probabilities = np.array([0.05, 0.05, 0.5, 0.5])
    assert cost_per_applicant(probabilities, np.array([1, 0, 0, 1]), 0.1) == (10 + 1) / 4


def test_true_probabilities_break_even_near_one_in_eleven() -> None:
    probabilities = 1.0 / (1.0 + np.exp(-MARGINS))
    assert break_even(probabilities, outcomes(probabilities)) == pytest.approx(1 / 11, abs=0.02)


def test_probabilities_that_are_three_times_too_high_break_even_much_higher() -> None:
    probabilities = 1.0 / (1.0 + np.exp(-MARGINS))
    assert break_even(np.minimum(3.0 * probabilities, 1.0), outcomes(probabilities)) > 0.15


def test_the_refer_band_lies_around_the_break_even() -> None:
    cut_offs = cut_offs_around(0.08)
    assert cut_offs.approve_below == pytest.approx(0.06)
    assert cut_offs.decline_from == pytest.approx(0.10)


def test_margins_that_tell_nothing_or_the_opposite_give_everybody_the_bad_rate() -> None:
    random = np.random.default_rng(4)
    margins = random.normal(0.0, 1.0, 4_000)
    target = (random.random(4_000) < 1.0 / (1.0 + np.exp(2.0 + margins))).astype(np.int64)
    calibrator = choose_calibrator(margins, target, seed=1).calibrator
    check_calibrator(calibrator)
    assert calibrator.probabilities(margins) == pytest.approx(target.mean(), abs=0.005)


def test_a_person_is_in_one_fold_of_the_calibrators() -> None:
    persons = np.repeat(np.arange(500), 4)
    margins = np.repeat(MARGINS[:500], 4)
    target = outcomes(1.0 / (1.0 + np.exp(-margins)))
    out_of_fold = choose_calibrator(margins, target, seed=1, persons=persons).out_of_fold
    # Equal margins get equal probabilities of one calibrator, and each fold has its own.
    assert (np.ptp(out_of_fold.reshape(500, 4), axis=1) == 0.0).all()
