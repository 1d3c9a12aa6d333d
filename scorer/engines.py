"""What walks a model's trees: LightGBM, or the compiled kernel where it was proved against LightGBM.

Every model is loaded into LightGBM first; it is the judge. The kernel takes over only after it got the
very same bits from the golden rows and from rows made to lie on the model's own thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import lightgbm
import numpy as np
import numpy.typing as npt

from feature_service.application import Features
from scorer.bundle import Bundle
from scorer.calibration import Margins
from scorer.errors import BundleRefused, NotCompilable, Refusal
from scorer.kernel.compiled import CompiledTrees
from scorer.trees import Tree

_PROBES: Final = 64
_PROBES_EXPLAINED: Final = 4
#: Contributions may differ from LightGBM's this much, in log-odds: it rounds on another way.
_CONTRIBUTIONS_AGREE: Final = 1e-9
#: Small enough for LightGBM to take it for zero, and what else lies beside a category or a bound.
_ODD_VALUES: Final = (np.nan, 0.0, -0.0, 1e-36, -1e-36, 1e-34, -0.5, -1.0, 0.5, 1.0, 1e6, -1e30, 3e38)


class Engine(Protocol):
    """What a serving model asks of its trees."""

    name: str

    def margins(self, features: Features) -> Margins:
        """Raw scores in log-odds, `(n_rows,)`."""

    def contributions(self, features: Features) -> npt.NDArray[np.float64]:
        """Exact tree SHAP, `(n_rows, n_features + 1)`; the last column is the expected value."""


class LightGBMEngine:
    """LightGBM itself, on the calling thread."""

    name = "lightgbm"

    def __init__(self, bundle: Bundle) -> None:
        try:
            self._booster = lightgbm.Booster(model_str=bundle.model_text)
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise BundleRefused(Refusal.BAD_STRUCTURE, f"LightGBM refuses model.txt: {error}") from error
        if self._booster.num_trees() != bundle.structure.n_trees:
            raise BundleRefused(Refusal.BAD_STRUCTURE, f"LightGBM sees {self._booster.num_trees()} trees")

    def margins(self, features: Features) -> Margins:
        """Raw scores in log-odds, `(n_rows,)`."""
        return self._predict(features, raw_score=True)

    def contributions(self, features: Features) -> npt.NDArray[np.float64]:
        """Exact tree SHAP, `(n_rows, n_features + 1)`."""
        return self._predict(features, pred_contrib=True)

    def _predict(self, features: Features, **output: bool) -> npt.NDArray[np.float64]:
        predicted: npt.NDArray[np.float64] = self._booster.predict(features, num_threads=1, **output)
        return predicted


def compiled_engine(bundle: Bundle, judge: Engine) -> CompiledTrees:
    """The bundle's trees compiled; raises NotCompilable unless `judge` gets the same from all it is shown."""
    trees, n_features = bundle.structure.trees, len(bundle.structure.feature_names)
    compiled = CompiledTrees(trees, n_features=n_features)
    prove(compiled, judge, bundle.golden.features())
    prove(compiled, judge, probe_rows(trees, n_features=n_features))
    return compiled


def prove(engine: Engine, judge: Engine, rows: Features) -> None:
    """Return if the engine gives the judge's margins to the bit; NotCompilable with the row otherwise."""
    margins, expected = engine.margins(rows), judge.margins(rows)
    if not np.array_equal(margins, expected):
        row = int(np.flatnonzero(margins != expected)[0])
        raise NotCompilable(f"row {row} scores {margins[row]!r}, with {judge.name} {expected[row]!r}")
    explained = rows[:_PROBES_EXPLAINED]
    apart = np.abs(engine.contributions(explained) - judge.contributions(explained)).max(initial=0.0)
    if not apart <= _CONTRIBUTIONS_AGREE:
        raise NotCompilable(f"contributions differ from those of {judge.name} by {apart:g}")


def probe_rows(trees: Sequence[Tree], *, n_features: int) -> Features:
    """Rows of values on the trees' own bounds, just beside them, and of what is odd; always the same ones."""
    random = np.random.default_rng(0)
    rows = np.empty((_PROBES, n_features), dtype=np.float32)
    for feature, bounds in enumerate(_bounds(trees, n_features)):
        with np.errstate(over="ignore"):
            on = np.array([*bounds, *_ODD_VALUES]).astype(np.float32)
            near = np.concatenate(
                [on, np.nextafter(on, np.float32(-np.inf)), np.nextafter(on, np.float32(np.inf))]
            )
        rows[:, feature] = random.choice(near, _PROBES)
    return rows


def _bounds(trees: Sequence[Tree], n_features: int) -> list[list[float]]:
    """What the splits on each feature compare with; for a set of categories its largest code."""
    bounds: list[list[float]] = [[] for _ in range(n_features)]
    for tree in trees:
        for node, feature in enumerate(tree.split_feature):
            bounds[feature].append(
                tree.categories(node).bit_length() - 1 if tree.is_categorical(node) else tree.threshold[node]
            )
    return bounds
