from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.errors import BundleRefused
from scorer.policy import CutOffs, PointsScale, check_policy

CUT_OFFS = CutOffs(approve_below=0.07, decline_from=0.11)
MILDNESS = ("approve", "refer", "decline")
probabilities = st.floats(0.0, 1.0)


@given(one=probabilities, other=probabilities)
def test_a_higher_probability_never_gets_a_milder_decision(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert MILDNESS.index(CUT_OFFS.decision(low)) <= MILDNESS.index(CUT_OFFS.decision(high))


@given(one=probabilities, other=probabilities)
def test_a_higher_probability_never_gets_more_points(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert PointsScale().points(low) >= PointsScale().points(high)


@given(probability=probabilities)
def test_points_stay_on_the_scale(probability: float) -> None:
    assert 300 <= PointsScale().points(probability) <= 850


@pytest.mark.parametrize(
    ("probability", "decision"),
    [
        (0.0, "approve"),
        (0.0699, "approve"),
        (0.07, "refer"),
        (0.1099, "refer"),
        (0.11, "decline"),
        (1.0, "decline"),
    ],
)
def test_a_cut_off_belongs_to_the_harder_side(probability: float, decision: str) -> None:
    assert CUT_OFFS.decision(probability) == decision


def test_break_even_has_600_points_and_half_the_odds_35_fewer() -> None:
    assert PointsScale().points(1 / 11) == 600
    assert PointsScale().points(1 / 6) == 565


@pytest.mark.parametrize(
    "cut_offs",
    [
        CutOffs(approve_below=0.0, decline_from=0.1),
        CutOffs(approve_below=0.1, decline_from=1.0),
        CutOffs(float("nan"), 0.5),
    ],
)
def test_cut_offs_that_decide_alike_for_all_are_refused(cut_offs: CutOffs) -> None:
    with pytest.raises(BundleRefused):
        check_policy(cut_offs, PointsScale())
