"""Population stability: how far the applicants to be scored are from those that were learnt from.

PSI = sum over bins of (share there - share here) * ln(share there / share here), bins being the
deciles here and one for missing. By custom below 0.1 is calm and above 0.25 has moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from feature_service.application import Features

_BINS: Final = 10
#: Stands for an empty bin, whose logarithm would be infinite.
_LEAST_SHARE: Final = 1e-4
_MAX_ROWS: Final = 50_000

Values = npt.NDArray[np.floating]


def psi(here: Values, there: Values) -> float:
    """PSI of `there` against `here`; 0 when either has no rows."""
    if not len(here) or not len(there):
        return 0.0
    known = here[~np.isnan(here)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(known) else np.empty(0)
    before, after = _shares(here, edges), _shares(there, edges)
    return float(np.sum((after - before) * np.log(after / before)))


def feature_psis(here: Features, there: Features, names: Sequence[str]) -> dict[str, float]:
    """The PSI of each column, highest first."""
    here, there = here[:_MAX_ROWS], there[:_MAX_ROWS]
    found = {name: psi(here[:, column], there[:, column]) for column, name in enumerate(names)}
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


def _shares(values: Values, edges: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    is_missing = np.isnan(values)
    bins = np.where(is_missing, len(edges) + 1, np.searchsorted(edges, values, side="right"))
    counts = np.bincount(bins, minlength=len(edges) + 2)
    return np.maximum(counts / len(values), _LEAST_SHARE)
