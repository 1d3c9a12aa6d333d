"""LightGBM's fastest way to score one row: its C interface with everything set up beforehand."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import lightgbm
import numpy as np

from feature_service.application import Features

_FLOAT32 = 0
_RAW_SCORE = 1


def fast_single_row(booster: lightgbm.Booster, n_features: int) -> Callable[[Features], float]:
    """A function from one row, `(n_features,)` float32 and contiguous, to its raw score."""
    library = lightgbm.basic._LIB
    config = ctypes.c_void_p()
    failed = library.LGBM_BoosterPredictForMatSingleRowFastInit(
        booster._handle, ctypes.c_int(_RAW_SCORE), ctypes.c_int(0), ctypes.c_int(-1), ctypes.c_int(_FLOAT32),
        ctypes.c_int32(n_features), ctypes.c_char_p(b"num_threads=1"), ctypes.byref(config),
    )  # fmt: skip
    if failed:
        raise RuntimeError(library.LGBM_GetLastError())
    length, result = ctypes.c_int64(), np.zeros(1)
    target = result.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
    predict = library.LGBM_BoosterPredictForMatSingleRowFast

    def score(row: Features) -> float:
        if predict(config, ctypes.c_void_p(row.ctypes.data), ctypes.byref(length), target):
            raise RuntimeError(library.LGBM_GetLastError())
        return float(result[0])

    return score
