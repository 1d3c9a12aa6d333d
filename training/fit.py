"""Grows the trees. Small ones on purpose: a decision has 200 ms, of which the model may take a few.

Exact contributions cost time in proportion to trees x leaves x depth; the sizes below keep one row
under a millisecond (measured in docs/decisions/0003). `training.tune` looks for better settings
inside a budget of leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt

from feature_service.application import FEATURE_BY_NAME, Features
from training.budget import UNLIMITED, Budget

Progress = Callable[[str, float], None]
Target = npt.NDArray[np.int64]
#: Log loss of the watched rows after each tree.
LearningCurve = tuple[float, ...]

_WATCHED: Final = "watched"


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how growing goes, and how long it may go on."""

    progress: Progress
    budget: Budget = UNLIMITED


@dataclass(frozen=True, slots=True)
class FitSettings:
    """LightGBM's parameters under its own names, and how long growing may go on."""

    learning_rate: float = 0.08
    num_leaves: int = 14
    max_trees: int = 250
    patience_trees: int = 30
    min_data_in_leaf: int = 80
    lambda_l1: float = 0.0
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
            # Bins are shared by settings that differ in min_data_in_leaf.
            "feature_pre_filter": False,
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
    num_threads: int

    @property
    def n_trees(self) -> int:
        """How many trees are served."""
        return int(self.booster.num_trees())

    @property
    def n_leaves(self) -> int:
        """The leaves of all trees together: what a row's contributions cost."""
        return sum(
            int(line.split("=")[1]) for line in self.text.splitlines() if line.startswith("num_leaves=")
        )

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


def bins(
    features: Features, target: Target, names: Sequence[str], parameters: dict[str, Any]
) -> lightgbm.Dataset:
    """LightGBM's own form of the rows; categories are known by name."""
    return lightgbm.Dataset(
        features,
        target,
        feature_name=list(names),
        categorical_feature=[
            name for name in names if name in FEATURE_BY_NAME and FEATURE_BY_NAME[name].categories
        ],
        params=parameters,
    )


def bins_like(
    grown: lightgbm.Dataset,
    features: Features,
    target: Target,
    names: Sequence[str],
    parameters: dict[str, Any],
) -> lightgbm.Dataset:
    """Further rows in the bins of `grown`, to be watched while growing."""
    watched = bins(features, target, names, parameters)
    return watched.set_reference(grown)


def grow_until_level(
    grown: lightgbm.Dataset,
    watched: lightgbm.Dataset,
    settings: FitSettings,
    *,
    seed: int,
    watch: Watch,
) -> tuple[lightgbm.Booster, LearningCurve]:
    """Trees until the log loss of `watched` has not fallen for a while, or the time is over.

    `best_iteration` is where it was lowest; the curve goes on to where growing ended.
    """
    losses: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        settings.parameters(seed=seed),
        grown,
        settings.max_trees,
        valid_sets=[watched],
        valid_names=[_WATCHED],
        callbacks=[
            lightgbm.early_stopping(settings.patience_trees, first_metric_only=True, verbose=False),
            lightgbm.record_evaluation(losses),
            _Reporter(watch, settings.max_trees),
        ],
    )
    return booster, tuple(losses[_WATCHED]["binary_logloss"])


def grow(
    grown: lightgbm.Dataset, settings: FitSettings, *, n_trees: int, seed: int, watch: Watch
) -> lightgbm.Booster:
    """Just so many trees, fewer if the time is over before."""
    report = _Reporter(watch, n_trees)
    return lightgbm.train(settings.parameters(seed=seed), grown, n_trees, callbacks=[report])


def as_served(booster: lightgbm.Booster, settings: FitSettings) -> FittedModel:
    """The booster's best trees, written and read back."""
    text = booster.model_to_string(num_iteration=booster.best_iteration if booster.best_iteration > 0 else -1)
    return FittedModel(text=text, booster=lightgbm.Booster(model_str=text), num_threads=settings.num_threads)


@dataclass(eq=False)
class _Reporter:
    """LightGBM's callback after each tree: tells how it goes, and ends it when the time is over."""

    watch: Watch
    max_trees: int
    #: After LightGBM's own callbacks, which note the losses and the best tree.
    order: int = 40

    def __call__(self, env: Any) -> None:
        evaluated = env.evaluation_result_list or []
        aucs = [result[2] for result in evaluated if result[1] == "auc"]
        so_far = f" (AUC {aucs[0]:.4f})" if aucs else ""
        self.watch.progress(f"growing trees{so_far}", (env.iteration + 1) / self.max_trees)
        if self.watch.budget.is_over():
            raise lightgbm.callback.EarlyStopException(env.iteration, evaluated)
