"""PSI of columns: what moves is seen, what chance does is not, whatever the column is made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.drift.columns import column_drift, psi_by_chance, weighted_share

RANDOM = np.random.default_rng(3)
columns = hnp.arrays(
    np.float32, st.integers(1, 300), elements=st.floats(-5, 5, width=32) | st.just(float("nan"))
)


@given(columns)
def test_a_column_has_not_moved_from_itself(column: np.ndarray) -> None:
    drift = column_drift("x", column, column)
    assert drift.psi == pytest.approx(0)
    assert drift.new_now == 0


@pytest.mark.parametrize(
    "draw",
    [
        lambda n: RANDOM.normal(size=n),
        lambda n: RANDOM.lognormal(sigma=2, size=n),
        lambda n: RANDOM.integers(0, 4, n).astype(float),
        lambda n: np.where(RANDOM.random(n) < 0.92, 0.0, RANDOM.exponential(size=n)),
        lambda n: np.where(RANDOM.random(n) < 0.6, np.nan, RANDOM.normal(size=n)),
        lambda n: np.where(RANDOM.random(n) < 0.001, 1.0, 0.0),
        lambda n: np.full(n, np.nan),
        lambda n: np.minimum(RANDOM.zipf(1.7, n), 60).astype(float),
    ],
    ids=["normal", "long tail", "few values", "mostly zero", "mostly missing", "rare", "all missing", "zipf"],
)
def test_draws_from_one_population_stay_below_the_bound(draw) -> None:  # type: ignore[no-untyped-def]
    reference = draw(5_000)
    assert not any(column_drift("x", reference, draw(500)).has_moved for _ in range(100))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (RANDOM.normal(size=5_000), RANDOM.normal(0.5, size=2_000)),
        (np.repeat([0.0, 1.0], [4_950, 50]), np.repeat([0.0, 1.0], [1_600, 400])),
        (
            np.repeat([0.0, 1.0, 2.0], [3_000, 1_000, 1_000]),
            np.repeat([0.0, 1.0, 2.0], [1_200, 400, 401])[::-1] + 1,
        ),
        (RANDOM.normal(size=5_000), np.where(RANDOM.random(2_000) < 0.2, np.nan, RANDOM.normal(size=2_000))),
        (
            np.where(RANDOM.random(5_000) < 0.9, 0.0, RANDOM.exponential(size=5_000)),
            np.where(RANDOM.random(2_000) < 0.6, 0.0, RANDOM.exponential(size=2_000)),
        ),
    ],
    ids=["half a standard deviation", "a rare flag", "new values", "newly missing", "fewer zeros"],
)
def test_what_has_moved_is_seen(before: np.ndarray, now: np.ndarray) -> None:
    assert column_drift("x", before.astype(np.float32), now.astype(np.float32)).has_moved


def test_a_value_that_training_never_saw_is_counted_as_new() -> None:
    before = np.repeat([0.0, 1.0], 500)
    drift = column_drift("x", before, np.append(before, [7.0] * 250), is_category=True)
    assert drift.new_now == pytest.approx(0.2)


def test_the_bound_by_chance_is_that_of_the_chi_squared_distribution() -> None:
    # scipy.stats.chi2.isf(1e-6, 10) = 46.86; Wilson and Hilferty are 2 % above it here
    assert psi_by_chance(11, 10**9, 1_000) == pytest.approx(46.86 / 1_000, rel=0.03)


def test_what_moved_weighs_what_it_means_to_the_model() -> None:
    still = column_drift("still", RANDOM.normal(size=2_000), RANDOM.normal(size=2_000))
    moved = column_drift("moved", RANDOM.normal(size=2_000), RANDOM.normal(3, size=2_000))
    assert weighted_share([still, moved], {"still": 3.0, "moved": 1.0}) == 0.25
    assert weighted_share([], {}) == 0.0
