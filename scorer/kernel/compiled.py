"""A model's trees compiled: the same margins as LightGBM's to the bit, the same contributions faster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from feature_service.application import Features
from scorer.calibration import Margins
from scorer.kernel.contributions import add_contributions
from scorer.kernel.layout import lay_out
from scorer.kernel.machine import add_margins
from scorer.trees import Tree


class CompiledTrees:
    """The trees of one model. Making one raises NotCompilable when they do not fit."""

    name = "compiled"

    def __init__(self, trees: Sequence[Tree], *, n_features: int) -> None:
        self._layout = lay_out(trees, n_features=n_features)

    def margins(self, features: Features) -> Margins:
        """Raw scores in log-odds, `(n_rows,)`, each the same to the bit in any batch."""
        margins = np.zeros(len(features))
        add_margins(self._checked(features), self._layout.forest, margins)
        return margins

    def contributions(self, features: Features) -> npt.NDArray[np.float64]:
        """Exact tree SHAP, `(n_rows, n_features + 1)`; the last column is the expected value."""
        contributions = np.zeros((len(features), self._layout.n_features + 1))
        contributions[:, -1] = self._layout.expected_value
        add_contributions(self._checked(features), self._layout.forest, contributions)
        return contributions

    def _checked(self, features: Features) -> Features:
        # What is compiled reads where it is told to; this is the only place that knows how far it may.
        if features.ndim != 2 or features.shape[1] != self._layout.n_features:
            raise ValueError(f"rows of shape {features.shape}, not of {self._layout.n_features} features")
        return np.ascontiguousarray(features, dtype=np.float32)
