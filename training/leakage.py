"""Looks for features that know the end: one that by itself tells who defaults is too good to be true.

Also asked: whether a value's mere absence tells, since what is filled in afterwards is missing for one
of the classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from feature_service.application import FEATURE_BY_NAME, Features

Target = npt.NDArray[np.int64]

#: A single feature above this is held to be a leak. The best honest one is the mean of the external
#: scores: 0.73 in the sample, about 0.74 published for the real files. Whole models reach 0.80 there.
LEAK_AUC: Final = 0.80
#: Rows that are looked at: an AUC of 0.8 needs no more to be seen.
_MAX_ROWS: Final = 40_000


def single_feature_aucs(features: Features, target: Target, names: Sequence[str]) -> dict[str, float]:
    """How well each feature alone tells the classes apart, from 0.5 to 1, best first.

    `features` is `(n_rows, n_names)`. A category counts as its bad rate, on rows that the rate was not
    taken from; a missing value as its own category at the low or the high end.
    """
    step = max(1, -(-len(target) // _MAX_ROWS))
    features, target = features[::step], target[::step]
    aucs = {
        name: _of_category(features[:, column], target)
        if name in FEATURE_BY_NAME and FEATURE_BY_NAME[name].categories
        else _of_number(features[:, column], target)
        for column, name in enumerate(names)
    }
    return dict(sorted(aucs.items(), key=lambda entry: -entry[1]))


def suspects(aucs: dict[str, float]) -> dict[str, float]:
    """Those of `single_feature_aucs` that must not be trained on unseen."""
    return {name: auc for name, auc in aucs.items() if auc > LEAK_AUC}


def rank_auc(values: npt.NDArray[np.float64] | Features, target: Target) -> float:
    """AUC of `values` without missing ones, ties counting half; 0.5 where a class is absent."""
    bad = int(target.sum())
    good = len(target) - bad
    if not bad or not good:
        return 0.5
    _, tied, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    return float((ranks[tied][target == 1].sum() - bad * (bad + 1) / 2.0) / (bad * good))


def _of_number(values: Features, target: Target) -> float:
    is_missing = np.isnan(values)
    candidates = [np.where(is_missing, -np.inf, values)]
    if is_missing.any():
        candidates += [np.where(is_missing, np.inf, values), is_missing.astype(np.float32)]
    return max(_either_way(rank_auc(candidate, target)) for candidate in candidates)


def _of_category(values: Features, target: Target) -> float:
    codes = np.where(np.isnan(values), -1.0, values).astype(np.int64) + 1
    seen = np.arange(len(codes)) % 2 == 0
    # Rare categories lean on the overall rate: their own says little.
    overall = target[seen].mean() if seen.any() else 0.0
    count = np.bincount(codes[seen], minlength=codes.max() + 1)
    bad = np.bincount(codes[seen], weights=target[seen], minlength=codes.max() + 1)
    rates = (bad + 10.0 * overall) / (count + 10.0)
    return _either_way(rank_auc(rates[codes[~seen]], target[~seen]))


def _either_way(auc: float) -> float:
    return max(auc, 1.0 - auc)
