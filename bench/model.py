"""The bench model: 300 features, 600 trees of 48 leaves, grown once and kept: for speed, not to lend on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np

from feature_service.application import Features

N_FEATURES: Final = 300
N_TREES: Final = 600
N_LEAVES: Final = 48
_ROWS: Final = 8_000
_CATEGORICAL: Final = list(range(284, 300))


@dataclass(frozen=True, slots=True)
class BenchModel:
    """The model's text, LightGBM's own of it, and rows to try it on."""

    text: str
    booster: lightgbm.Booster
    rows: Features


def bench_model(folder: Path) -> BenchModel:
    """The model in `folder`, grown there the first time (a minute or two)."""
    rows, target = _training_rows()
    path = folder / f"bench-{N_FEATURES}-{N_TREES}-{N_LEAVES}.txt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(_grown(rows, target).model_to_string())
    text = path.read_text()
    return BenchModel(text, lightgbm.Booster(model_str=text), rows[:2048])


def _training_rows() -> tuple[Features, Any]:
    random = np.random.default_rng(1)
    rows = random.normal(size=(_ROWS, N_FEATURES))
    rows[:, :60] = np.round(rows[:, :60] * 5)
    weights = random.normal(size=N_FEATURES) * (random.random(N_FEATURES) < 0.4) / 4
    margin = np.tanh(rows) @ weights - 2.4
    for column in _CATEGORICAL:
        codes = random.integers(0, random.integers(2, 58), _ROWS)
        rows[:, column] = codes
        margin += random.normal(size=58)[codes] / 4
    for column in range(100, 200):
        rows[random.random(_ROWS) < random.uniform(0.05, 0.6), column] = np.nan
    target = random.random(_ROWS) < 1 / (1 + np.exp(-margin))
    return rows.astype(np.float32), target


def _grown(rows: Features, target: Any) -> lightgbm.Booster:
    parameters = {
        "objective": "binary", "num_leaves": N_LEAVES, "learning_rate": 0.03, "min_data_in_leaf": 20,
        "feature_fraction": 0.3, "cat_smooth": 30.0, "verbosity": -1, "num_threads": 1, "seed": 1,
    }  # fmt: skip
    return lightgbm.train(
        parameters, lightgbm.Dataset(rows, target, categorical_feature=_CATEGORICAL), N_TREES
    )
