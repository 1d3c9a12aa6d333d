"""LightGBM models at random, small and odd, and rows to try them on."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from scorer.engines import probe_rows
from scorer.kernel.compiled import CompiledTrees
from scorer.structure import ModelStructure, check_structure

Rows = npt.NDArray[np.float32]
CATEGORIES = 40


@dataclass(frozen=True)
class Grown:
    """A model as LightGBM has it and as its text was checked."""

    booster: lightgbm.Booster
    structure: ModelStructure

    def compiled(self) -> CompiledTrees:
        return CompiledTrees(self.structure.trees, n_features=len(self.structure.feature_names))

    def margins(self, rows: Rows) -> npt.NDArray[np.float64]:
        return np.asarray(self.booster.predict(rows, raw_score=True, num_threads=1))

    def contributions(self, rows: Rows) -> npt.NDArray[np.float64]:
        return np.asarray(self.booster.predict(rows, pred_contrib=True, num_threads=1))

    def rows(self, *, seed: int) -> Rows:
        """Rows on the model's bounds and ordinary ones."""
        n_features = len(self.structure.feature_names)
        ordinary = np.random.default_rng(seed).normal(size=(40, n_features)).astype(np.float32) * 3
        return np.concatenate([probe_rows(self.structure.trees, n_features=n_features), ordinary])


@st.composite
def grown(draw: st.DrawFn) -> Grown:
    """A model of a few trees: categories, what is missing, how it grows, all at random."""
    seed = draw(st.integers(0, 2**31 - 1))
    n_features = draw(st.integers(1, 8))
    categorical = [at for at in range(n_features) if draw(st.integers(0, 2)) == 0]
    rows = training_rows(n_features, categorical, missing=draw(st.sampled_from([0.0, 0.1, 0.5])), seed=seed)
    boosting: dict[str, object] = draw(
        st.sampled_from([{}, {"boosting": "dart", "drop_rate": 0.5}, {"extra_trees": True}])
    )
    parameters: dict[str, object] = {
        "use_missing": draw(st.booleans()),
        "zero_as_missing": draw(st.booleans()),
        "num_leaves": draw(st.integers(2, 31)),
        "min_data_in_leaf": draw(st.sampled_from([1, 20, 400])),
        "boost_from_average": draw(st.booleans()),
        "bagging_fraction": draw(st.sampled_from([0.6, 1.0])),
        **boosting,
    }
    return grow(rows, parameters, categorical=categorical, trees=draw(st.integers(1, 19)), seed=seed)


def training_rows(n_features: int, categorical: list[int], *, missing: float, seed: int) -> Rows:
    """Rows with zeros, few distinct values in some columns, and NaN."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(300, n_features)) * 3
    rows[:, ::2] = rows[:, ::2].round()
    for column in categorical:
        rows[:, column] = random.integers(0, CATEGORIES, len(rows))
    rows[random.random(rows.shape) < missing] = np.nan
    return rows.astype(np.float32)


def grow(
    rows: Rows, parameters: dict[str, object], *, categorical: list[int], trees: int = 10, seed: int = 0
) -> Grown:
    """The model that LightGBM makes of the rows and a target that depends on some of them."""
    known = np.nan_to_num(rows)
    signal = np.sin(known).sum(axis=1) + np.random.default_rng(seed).normal(size=len(rows))
    booster = lightgbm.train(
        {
            "objective": "binary", "verbosity": -1, "num_threads": 1, "seed": seed, "bagging_freq": 1,
            "min_data_per_group": 1, "cat_smooth": 1.0, "learning_rate": 0.2, **parameters,
        },
        lightgbm.Dataset(rows, signal > 0, categorical_feature=categorical or "auto"),
        trees,
    )  # fmt: skip
    return Grown(booster, check_structure(booster.model_to_string()))
