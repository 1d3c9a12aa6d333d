"""Teaches a model what "not stated" means where the training file never left anything out.

LightGBM reads a missing value of a feature that was never missing in training as 0: "document issued
today", "region of grade 0". An API client may well leave an optional field out. So a small share of
such values is blanked at random in the rows that the trees grow on, one by one and, for ratios that
are missing only when several fields are, all together: missing then weighs like the average applicant.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from contracts.application_fields import FIELDS
from feature_service.application import Encoded, Features

BLANK_SHARE: Final = 0.01
#: Applications that state none of these fields.
BARE_SHARE: Final = 0.005
#: Applicants whose whole history is taken away, as if the lender had never met them.
UNKNOWN_SHARE: Final = 0.02


def blank_never_missing(columns: Encoded, *, seed: int) -> Encoded:
    """A copy of `columns`, `(n_rows, n_columns)`, with blanks in optional fields that had none."""
    blanked = columns.copy()
    random = np.random.default_rng(seed)
    is_bare = random.random(len(columns)) < BARE_SHARE
    for index, field in enumerate(FIELDS):
        if not field.is_required and not np.isnan(columns[:, index]).any():
            blanked[is_bare | (random.random(len(columns)) < BLANK_SHARE), index] = np.nan
    return blanked


def blank_history(history: Features, *, seed: int) -> Features:
    """A copy of `history`, `(n_rows, n_features)`, where some applicants are unknown.

    A snapshot's counts are never missing for whoever is in it; an applicant who is not must still
    meet a model that has seen that.
    """
    blanked = history.copy()
    if not np.isnan(history).all(axis=1).any():
        blanked[np.random.default_rng(seed).random(len(history)) < UNKNOWN_SHARE] = np.nan
    return blanked
