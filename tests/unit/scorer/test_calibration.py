from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.calibration import Calibrator, Isotonic, Platt, check_calibrator
from scorer.errors import BundleRefused

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
