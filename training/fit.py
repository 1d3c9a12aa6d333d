"""Grows the trees. Small ones on purpose: a decision has 200 ms, of which the model may take one.

Exact contributions cost time in proportion to trees x leaves x depth; the sizes below keep one row
under a millisecond (measured in docs/decisions/0003).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt

from feature_service.application import FEATURE_BY_NAME, Features
from training.split import EARLY_STOPPING_SHARE, take_stratified

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """LightGBM's parameters under its own names, and how long growing may go on."""

    learning_rate: float = 0.08
    num_leaves: int = 14
    max_trees: int = 250
    patience_trees: int = 30
    min_data_in_leaf: int = 80
    lambda_l2: float = 5.0
    feature_fraction: float = 0.5
    bagging_fraction: float = 0.85
    bagging_freq: int = 1
    cat_smooth: float = 30.0
    max_cat_threshold: int = 24
    max_bin: int = 255
    num_threads: int = 2

    def parameters(self, *, seed: int) -> dict[str, Any]:
        """What LightGBM is given; deterministic for one number of threads."""
        chosen = asdict(self)
        del chosen["max_trees"], chosen["patience_trees"]
        return {
            **chosen,
            "objective": "binary",
            "metric": ["binary_logloss", "auc"],
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


#: A model in seconds, for demos and tests: enough to score, not enough to lend on.
#: One thread: on a busy machine LightGBM's threads wait for each other longer than so few rows take.
SMOKE: Final = FitSettings(
    learning_rate=0.15, num_leaves=8, max_trees=120, patience_trees=20, max_bin=127, num_threads=1
)


@dataclass(frozen=True, slots=True)
class FittedModel:
    """The trees as text and read back from it, so that what is measured is what will be served."""

    text: str
    booster: lightgbm.Booster
    n_trees: int
    num_threads: int

    def margins(self, features: Features) -> npt.NDArray[np.float64]:
        """Raw scores in log-odds, `(n_rows,)`, of `(n_rows, n_model_features)`."""
        margins: npt.NDArray[np.float64] = self.booster.predict(
            features, raw_score=True, num_threads=self.num_threads
        )
        return margins

    def contributions(self, features: Features) -> npt.NDArray[np.float64]:
        """Exact tree SHAP, `(n_rows, n_model_features + 1)`; the last is the expected value."""
        contributions: npt.NDArray[np.float64] = self.booster.predict(
            features, pred_contrib=True, num_threads=self.num_threads
        )
        return contributions


def fit(
    features: Features,
    target: npt.NDArray[np.int64],
    *,
    feature_names: Sequence[str],
    settings: FitSettings,
    seed: int,
    progress: Progress,
) -> FittedModel:
    """Trees grown on `features`, `(n_rows, n_model_features)`, until a part of them is no longer served.

    The number of trees is the one with the lowest log loss on a stratified part that growing does not see.
    """
    stop, grow = take_stratified(target, np.arange(len(target)), EARLY_STOPPING_SHARE, seed=seed + 2)
    parameters = settings.parameters(seed=seed)
    categorical = [name for name in feature_names if FEATURE_BY_NAME[name].categories]
    grown = lightgbm.Dataset(
        features[grow],
        target[grow],
        feature_name=list(feature_names),
        categorical_feature=categorical,
        params=parameters,
    )
    watched = lightgbm.Dataset(features[stop], target[stop], reference=grown, params=parameters)
    booster = lightgbm.train(
        parameters,
        grown,
        settings.max_trees,
        valid_sets=[watched],
        callbacks=[
            lightgbm.early_stopping(settings.patience_trees, first_metric_only=True, verbose=False),
            _reporter(progress, settings.max_trees),
        ],
    )
    text = booster.model_to_string(num_iteration=booster.best_iteration)
    served = lightgbm.Booster(model_str=text)
    return FittedModel(
        text=text, booster=served, n_trees=served.num_trees(), num_threads=settings.num_threads
    )


def _reporter(progress: Progress, max_trees: int) -> Callable[[Any], None]:
    def report(env: Any) -> None:
        auc = env.evaluation_result_list[1][2]
        progress(f"growing trees (AUC {auc:.4f})", (env.iteration + 1) / max_trees)

    return report
