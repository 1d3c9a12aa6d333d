"""A bundle brought to life: features in, margins, probabilities and contributions out.

One model lives in a scorer at a time and is replaced as a whole. Everything runs on the calling
thread: LightGBM's own threads turn 0.1 ms into 8 ms on a busy machine. What walks the trees is
`scorer.engines`' choice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from feature_service.application import Features
from feature_service.vector import ALL_FEATURE_NAMES
from scorer.bundle import Bundle
from scorer.calibration import Margins, Probabilities
from scorer.engines import Engine, LightGBMEngine, compiled_engine
from scorer.errors import BundleRefused, NotCompilable, Refusal
from scorer.reasons import ReasonCatalogue

#: Contributions must add up to the margin this closely, in log-odds.
_ADDITIVITY: Final = 1e-6
#: Tries per measurement, of which the fastest counts: a busy machine must not refuse a good model.
_SPEED_TRIES: Final = 5
_POSITION: Final = {name: index for index, name in enumerate(ALL_FEATURE_NAMES)}


@dataclass(frozen=True, slots=True)
class LatencyBudget:
    """What one row may take at most, in milliseconds: its margin, and its contributions (the reasons)."""

    margin_ms: float = 2.0
    contributions_ms: float = 25.0


DEFAULT_BUDGET: Final = LatencyBudget()


class ServingModel:
    """The model of one bundle. Making one proves the golden scores and its speed, or raises BundleRefused."""

    def __init__(self, bundle: Bundle, *, budget: LatencyBudget = DEFAULT_BUDGET) -> None:
        manifest = bundle.manifest
        self.digest = bundle.digest
        self.name = manifest.model_name
        self.calibrator = manifest.calibrator
        self.cut_offs = manifest.cut_offs
        self.points = manifest.points
        self.lineage = manifest.lineage
        self.feature_names = manifest.feature_names
        self.catalogue = ReasonCatalogue(manifest.reason_groups, self.feature_names)
        self._columns = np.array([_POSITION[name] for name in self.feature_names])
        #: Features of the snapshot that a tree asks for, in the model's order.
        self.history_used = _used(bundle)
        self._engine: Engine = LightGBMEngine(bundle)
        self._prove(bundle)
        #: Why LightGBM walks the trees itself; empty when the compiled kernel does.
        self.not_compiled = ""
        try:
            self._engine = compiled_engine(bundle, self._engine)
        except NotCompilable as error:
            self.not_compiled = str(error)
        self._check_speed(bundle, budget)

    def select(self, vectors: Features) -> Features:
        """The model's own columns in its order, `(n_rows, n_model_features)`.

        `vectors` are whole feature vectors (`feature_service.vector`).
        """
        return np.ascontiguousarray(vectors[:, self._columns])

    def margins(self, features: Features) -> Margins:
        """Raw scores in log-odds, `(n_rows,)`; a row's is the same to the bit in any batch."""
        return self._engine.margins(features)

    def probabilities(self, margins: Margins) -> Probabilities:
        """Calibrated probabilities of default, `(n_rows,)`."""
        return self.calibrator.probabilities(margins)

    def contributions(self, features: Features) -> npt.NDArray[np.float64]:
        """Exact tree SHAP in log-odds, `(n_rows, n_model_features + 1)`; the last is the expected value.

        A row adds up to its margin. This is the dear part: it looks at every node of every tree.
        """
        return self._engine.contributions(features)

    def _prove(self, bundle: Bundle) -> None:
        features = bundle.golden.features()
        expected = bundle.golden.expected_margins()
        margins = self.margins(features)
        if not np.isfinite(margins).all():
            raise BundleRefused(Refusal.NOT_FINITE, "the model gives something that is no finite number")
        if not np.array_equal(margins, expected):
            row = int(np.flatnonzero(margins != expected)[0])
            raise BundleRefused(
                Refusal.GOLDEN_MISMATCH,
                f"golden row {row} scores {margins[row]!r}, must be {expected[row]!r}",
            )
        alone = np.array([self.margins(features[row : row + 1])[0] for row in range(len(features))])
        if not np.array_equal(alone, expected):
            raise BundleRefused(
                Refusal.GOLDEN_MISMATCH, "a golden row scores otherwise by itself than in a batch"
            )
        sums = self.contributions(features[:4]).sum(axis=1)
        if not np.abs(sums - expected[:4]).max() <= _ADDITIVITY:
            raise BundleRefused(Refusal.GOLDEN_MISMATCH, "contributions do not add up to the margin")

    def row_milliseconds(self, row: Features) -> LatencyBudget:
        """What one row `(1, n_model_features)` takes on this machine, in milliseconds."""
        return LatencyBudget(
            margin_ms=_fastest_ms(lambda: self.margins(row)),
            contributions_ms=_fastest_ms(lambda: self.contributions(row)),
        )

    def _check_speed(self, bundle: Bundle, budget: LatencyBudget) -> None:
        took = self.row_milliseconds(bundle.golden.features()[:1])
        if took.margin_ms > budget.margin_ms or took.contributions_ms > budget.contributions_ms:
            raise BundleRefused(
                Refusal.TOO_SLOW,
                f"a row takes {took.margin_ms:.2f} ms and its reasons {took.contributions_ms:.2f} ms;"
                f" the budget is {budget.margin_ms:g} and {budget.contributions_ms:g}",
            )


def _fastest_ms(call: Callable[[], object]) -> float:
    fastest = float("inf")
    for _ in range(_SPEED_TRIES):
        started = time.perf_counter()
        call()
        fastest = min(fastest, time.perf_counter() - started)
    return fastest * 1000.0


def _used(bundle: Bundle) -> tuple[str, ...]:
    asked = {feature for tree in bundle.structure.trees for feature in tree.split_feature}
    names = bundle.structure.feature_names
    return tuple(name for name in bundle.manifest.history_names if names.index(name) in asked)
