from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.calibration import Calibrator, Isotonic, Platt, check_calibrator, check_probabilities
from scorer.errors import BundleRefused, Refusal

PLATT = Platt(slope=1.1, intercept=-0.2)
ISOTONIC = Isotonic(margins=(-4.0, -2.0, -1.0, 0.5), probabilities_at=(0.01, 0.05, 0.05, 0.6))
either = st.sampled_from([PLATT, ISOTONIC])
margins = st.lists(st.floats(-2000.0, 2000.0), min_size=1, max_size=80)


@settings(deadline=None)
@given(calibrator=either, values=margins)
def test_probabilities_rise_with_the_margin_and_stay_between_0_and_1(
    calibrator: Calibrator, values: list[float]
) -> None:
    probabilities = calibrator.probabilities(np.array(sorted(values)))
    assert (np.diff(probabilities) >= 0.0).all()
    assert ((probabilities >= 0.0) & (probabilities <= 1.0)).all()


@settings(deadline=None)
@given(calibrator=either, values=margins)
def test_a_probability_does_not_depend_on_its_batch(calibrator: Calibrator, values: list[float]) -> None:
    together = calibrator.probabilities(np.array(values))
    alone = [calibrator.probabilities(np.array([value]))[0] for value in values]
    assert together.tolist() == alone


def test_isotonic_is_flat_beyond_its_ends_and_straight_between_its_knots() -> None:
    probabilities = ISOTONIC.probabilities(np.array([-99.0, -3.0, -1.5, 99.0]))
    assert probabilities == pytest.approx([0.01, 0.03, 0.05, 0.6])


@pytest.mark.parametrize(
    "calibrator",
    [
        Platt(slope=0.0, intercept=0.0),
        Platt(slope=float("inf"), intercept=0.0),
        Platt(slope=1.0, intercept=float("nan")),
        Isotonic(margins=(0.0,), probabilities_at=(0.5,)),
        Isotonic(margins=(0.0, 1.0), probabilities_at=(0.5, 0.4)),
        Isotonic(margins=(0.0, 1.0), probabilities_at=(0.5, 0.5)),
        Isotonic(margins=(0.0, 1.0), probabilities_at=(0.0, 1.5)),
        Isotonic(margins=(0.0, 1.0), probabilities_at=(0.5,)),
    ],
)
def test_a_calibrator_that_is_no_rising_curve_is_refused(calibrator: Calibrator) -> None:
    with pytest.raises(BundleRefused):
        check_calibrator(calibrator)


GOLDEN = np.array([0.5, -3.0, -1.0])


@pytest.mark.parametrize("calibrator", [PLATT, ISOTONIC, Platt(slope=1e-3, intercept=-2.4)])
def test_a_calibrator_that_tells_applicants_apart_is_taken(calibrator: Calibrator) -> None:
    check_probabilities(calibrator, GOLDEN)


@pytest.mark.parametrize(
    ("calibrator", "reason"),
    [
        (Platt(slope=1e-300, intercept=-2.0), Refusal.CONSTANT_OUTPUT),
        (Platt(slope=1e-9, intercept=-2.0), Refusal.CONSTANT_OUTPUT),
        (Platt(slope=1.0, intercept=-1e4), Refusal.CONSTANT_OUTPUT),
        (Isotonic(margins=(-99.0, -98.0), probabilities_at=(0.1, 0.9)), Refusal.CONSTANT_OUTPUT),
        (Isotonic(margins=(-4.0, 4.0), probabilities_at=(0.9, 0.1)), Refusal.BAD_CALIBRATOR),
        (Isotonic(margins=(-4.0, 4.0), probabilities_at=(-0.5, 0.9)), Refusal.BAD_CALIBRATOR),
        (Isotonic(margins=(-4.0, 4.0), probabilities_at=(0.1, float("nan"))), Refusal.BAD_CALIBRATOR),
    ],
)
def test_a_calibrator_that_gives_golden_rows_no_rising_probabilities_is_refused(
    calibrator: Calibrator, reason: Refusal
) -> None:
    with pytest.raises(BundleRefused) as refused:
        check_probabilities(calibrator, GOLDEN)
    assert refused.value.reason is reason
