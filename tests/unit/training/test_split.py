from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.split import newest_of, split


@given(bad=st.integers(20, 200), good=st.integers(200, 2000), seed=st.integers(0, 99))
def test_parts_are_disjoint_and_together_everything(bad: int, good: int, seed: int) -> None:
    target = np.array([1] * bad + [0] * good)
    parts = split(target, seed=seed)
    everything = np.concatenate([parts.fit, parts.choose, parts.held_out])
    assert sorted(everything.tolist()) == list(range(bad + good))


def test_each_part_has_the_wholes_bad_rate() -> None:
    target = (np.random.default_rng(1).random(20_000) < 0.08).astype(np.int64)
    parts = split(target, seed=1)
    assert len(parts.held_out) == pytest.approx(3_000, abs=2)
    assert len(parts.choose) == pytest.approx(3_000, abs=2)
    for rows in (parts.fit, parts.choose, parts.held_out):
        assert target[rows].mean() == pytest.approx(target.mean(), abs=0.001)


def test_the_seed_decides() -> None:
    target = np.array([0, 1] * 100)
    assert np.array_equal(split(target, seed=1).held_out, split(target, seed=1).held_out)
    assert not np.array_equal(split(target, seed=1).held_out, split(target, seed=2).held_out)


def test_a_few_dated_applications_do_not_take_the_place_of_the_held_out_labels() -> None:
    target = (np.random.default_rng(1).random(30_300) < 0.08).astype(np.int64)
    applied_at = np.full(30_300, np.datetime64("NaT", "us"))
    applied_at[30_000:] = np.datetime64("2026-01-01", "us") + np.arange(300) * np.timedelta64(1, "D")
    parts = split(target, seed=1, applied_at=applied_at)
    assert parts.newest.tolist() == list(range(30_150, 30_300))
    labels_alone = split(target[:30_000], seed=1).held_out
    assert parts.held_out.tolist() == [*labels_alone, *parts.newest]
    assert sum(map(len, (parts.fit, parts.choose, parts.held_out))) == 30_300


def test_of_many_dated_applications_no_larger_share_is_held_out_than_of_the_others() -> None:
    applied_at = np.datetime64("2026-01-01", "us") + np.arange(20_000) * np.timedelta64(1, "m")
    assert newest_of(applied_at).tolist() == list(range(17_000, 20_000))
