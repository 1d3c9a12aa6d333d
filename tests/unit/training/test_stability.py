"""PSI sees what moves, whatever a column is made of, and has one definition for training and drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from feature_service.application import FEATURE_BY_NAME
from training.stability import bins_of, feature_psis, psi, psi_between

RANDOM = np.random.default_rng(8)
columns = hnp.arrays(
    np.float32, st.integers(1, 300), elements=st.floats(-5, 5, width=32) | st.just(float("nan"))
)


@given(columns, columns)
def test_psi_is_never_negative_and_every_value_is_in_one_bin(before: np.ndarray, now: np.ndarray) -> None:
    bins = bins_of(before)
    counts = bins.count(now)
    assert counts.sum() == len(now)
    assert bins.counts.sum() == len(before)
    assert psi(bins, counts) >= 0


def test_psi_is_zero_for_the_same_rows_and_grows_with_the_shift() -> None:
    before = RANDOM.normal(0, 1, 5_000)
    assert psi_between(before, before) == 0.0
    assert psi_between(before, RANDOM.normal(0, 1, 5_000)) < 0.02
    assert psi_between(before, RANDOM.normal(1, 1, 5_000)) > 0.25
    gaps = np.where(RANDOM.random(5_000) < 0.5, np.nan, before)
    assert psi_between(before, gaps) > 0.25
    assert psi_between(before, np.empty(0)) == 0.0


@pytest.mark.parametrize(
    "now",
    [np.ones(2_000), np.where(RANDOM.random(2_000) < 0.3, 1.0, 0.0), np.full(2_000, np.nan)],
    ids=["always set", "set more often", "missing"],
)
def test_a_flag_that_was_seldom_set_and_now_is_often_has_moved(now: np.ndarray) -> None:
    assert psi_between(np.repeat([0.0, 1.0], [4_750, 250]), now) > 0.25


def test_an_amount_that_was_mostly_zero_and_now_seldom_is_has_moved() -> None:
    before = np.where(RANDOM.random(5_000) < 0.95, 0.0, RANDOM.exponential(size=5_000))
    assert psi_between(before, RANDOM.exponential(size=2_000)) > 0.25


def test_the_feature_that_moved_farthest_comes_first() -> None:
    before = RANDOM.normal(0, 1, (2_000, 2)).astype(np.float32)
    now = before + np.array([0.0, 2.0], dtype=np.float32)
    assert list(feature_psis(before, now, ["STILL", "MOVED"])) == ["MOVED", "STILL"]


def test_codes_of_a_category_are_no_numbers_to_be_put_in_order() -> None:
    assert len(FEATURE_BY_NAME["ORGANIZATION_TYPE"].categories) > 40
    before = RANDOM.integers(0, 40, (20_000, 1)).astype(np.float32)
    # Neighbours trade places: each decile of the codes keeps its share.
    now = np.where(before % 2 == 0, before + 1, before)
    moved = feature_psis(before, now, ["ORGANIZATION_TYPE"])["ORGANIZATION_TYPE"]
    assert moved > 0.25 > feature_psis(before, now, ["AMT_CREDIT"])["AMT_CREDIT"]
