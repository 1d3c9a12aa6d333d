from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scorer.errors import BundleRefused, NotCompilable, Refusal
from scorer.kernel import machine, slots
from scorer.structure import check_structure
from tests.unit.scorer.kernel.forests import CATEGORIES, Grown, grow, grown, training_rows
from tests.unit.scorer.kernel.shapley import by_definition, paths_of

CLOSE = 1e-9
slowly = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@slowly
@given(model=grown(), seed=st.integers(0, 1000))
def test_margins_are_lightgbms_to_the_bit_whatever_the_model_and_the_row(model: Grown, seed: int) -> None:
    rows = model.rows(seed=seed)
    assert model.compiled().margins(rows).tolist() == model.margins(rows).tolist()


@slowly
@given(model=grown(), seed=st.integers(0, 1000))
def test_contributions_are_lightgbms_and_add_up_to_the_margin(model: Grown, seed: int) -> None:
    rows, compiled = model.rows(seed=seed), model.compiled()
    contributions = compiled.contributions(rows)
    assert np.abs(contributions - model.contributions(rows)).max() <= CLOSE
    assert np.abs(contributions.sum(axis=1) - compiled.margins(rows)).max() <= CLOSE


@settings(slowly, max_examples=15)
@given(model=grown(), cut=st.integers(1, 100))
@example(model=grow(training_rows(4, [0], missing=0.2, seed=1), {}, categorical=[0]), cut=1)
def test_a_row_gets_the_same_bits_alone_and_in_any_batch(model: Grown, cut: int) -> None:
    rows, compiled = model.rows(seed=0), model.compiled()
    margins, contributions = compiled.margins(rows), compiled.contributions(rows)
    assert compiled.margins(rows[:cut]).tolist() == margins[:cut].tolist()
    assert compiled.contributions(rows[cut : cut + 1]).tolist() == contributions[cut : cut + 1].tolist()


def test_a_value_among_many_thresholds_and_beside_its_own_neighbours_goes_lightgbms_way() -> None:
    random = np.random.default_rng(8)
    rows = random.normal(size=(3_000, 1)).astype(np.float32)
    parameters: dict[str, object] = {"num_leaves": 200, "min_data_in_leaf": 1, "max_bin": 3_000}
    model = grow(rows, parameters, categorical=[], trees=9)
    bounds = np.unique(np.concatenate([tree.threshold for tree in model.structure.trees]))
    assert len(bounds) > 3 * machine._COMPARED
    nearest = bounds.astype(np.float32)
    near = [np.nextafter(nearest, np.float32(-np.inf)), nearest, np.nextafter(nearest, np.float32(np.inf))]
    ends = np.array([-np.inf, -3e38, 3e38, np.inf, np.nan], dtype=np.float32)
    tried = np.concatenate([*near, ends]).reshape(-1, 1)
    assert model.compiled().margins(tried).tolist() == model.margins(tried).tolist()


def test_a_model_of_single_leaves_gives_its_constant() -> None:
    model = grow(training_rows(3, [], missing=0.0, seed=2), {"min_data_in_leaf": 1000}, categorical=[])
    assert [tree.num_leaves for tree in model.structure.trees] == [1]
    rows = model.rows(seed=0)
    assert model.compiled().margins(rows).tolist() == model.margins(rows).tolist()
    assert model.compiled().contributions(rows).tolist() == model.contributions(rows).tolist()


@pytest.mark.parametrize(("leaves", "longest_paths"), [(18, [11, 15]), (40, [15, 17])])
def test_contributions_stay_exact_on_paths_of_more_features_than_six_points_hold(
    leaves: int, longest_paths: list[int]
) -> None:
    # LightGBM's own are off by 1e-8 at such depth, so the judge is the definition, in fractions.
    features = 22
    rows = (np.random.default_rng(3).random((1500, features)) < 0.03).astype(np.float32)
    rows[0] = 0.0
    parameters: dict[str, object] = {"num_leaves": leaves, "min_data_in_leaf": 1, "bagging_fraction": 0.2}
    model = grow(rows, {**parameters, "feature_fraction": 0.8}, categorical=[], trees=2)
    longest = [max(len(path) for _, path in paths_of(tree)) for tree in model.structure.trees]
    assert longest == longest_paths, "each tree takes as many points as it needs: six are exact for twelve"
    for row in rows[:2]:
        contributions = model.compiled().contributions(row.reshape(1, -1))[0]
        exact = np.sum([by_definition(tree, row) for tree in model.structure.trees], axis=0)
        assert np.abs(contributions[:-1] - exact).max() <= 1e-14


def test_no_row_gives_no_margin() -> None:
    model = grow(training_rows(3, [], missing=0.0, seed=2), {}, categorical=[])
    none = np.zeros((0, 3), np.float32)
    assert model.compiled().margins(none).shape == (0,)
    assert model.compiled().contributions(none).shape == (0, 4)


def test_rows_of_another_width_are_refused_before_anything_reads_them() -> None:
    model = grow(training_rows(3, [], missing=0.0, seed=2), {}, categorical=[])
    for shape in ((1, 2), (1, 4), (3,)):
        with pytest.raises(ValueError, match="not of 3 features"):
            model.compiled().margins(np.zeros(shape, np.float32))
        with pytest.raises(ValueError, match="not of 3 features"):
            model.compiled().contributions(np.zeros(shape, np.float32))


@pytest.mark.parametrize(("limit", "value"), [("_MOST_SLOTS", 2), ("_MOST_CODES", 3), ("_LARGEST_TABLE", 10)])
def test_trees_beyond_a_limit_are_left_to_lightgbm(
    limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = grow(training_rows(4, [0, 2], missing=0.2, seed=4), {}, categorical=[0, 2])
    model.compiled()
    monkeypatch.setattr(slots, limit, value)
    with pytest.raises(NotCompilable):
        model.compiled()


def test_a_code_beyond_every_set_goes_right_as_in_lightgbm() -> None:
    model = grow(training_rows(1, [0], missing=0.3, seed=5), {}, categorical=[0])
    codes = [-2.0, -1.0, -0.5, 0.0, 0.9, CATEGORIES - 1, CATEGORIES, 1e3, 1e6, np.nan]
    rows = np.array(codes, dtype=np.float32).reshape(-1, 1)
    assert model.compiled().margins(rows).tolist() == model.margins(rows).tolist()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"linear_tree": True}, Refusal.LINEAR_TREES),
        ({"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}, Refusal.BAD_STRUCTURE),
    ],
)
def test_leaves_that_are_no_sum_of_constants_never_get_here(
    parameters: dict[str, object], reason: Refusal
) -> None:
    rows = training_rows(3, [], missing=0.0, seed=6)
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1, **parameters},
        lightgbm.Dataset(rows, rows[:, 0] > 0, params={"verbosity": -1}),
        5,
    )
    with pytest.raises(BundleRefused) as refused:
        check_structure(booster.model_to_string())
    assert refused.value.reason is reason
