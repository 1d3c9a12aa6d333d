from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.split import split


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
