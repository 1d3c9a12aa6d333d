"""The whole feature vector: application, history, and both together, in this order.

The scorer calls `feature_vectors` with the submitted applications and the rows of its snapshot;
the build calls it with the application tables. So what a model learns from and what it is served
come from one function.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from feature_service import application
from feature_service.application import Encoded, Features, application_features
from feature_service.cross import CROSS_FEATURES, cross_features
from feature_service.definitions import FeatureDefinition, definitions_digest
from feature_service.views import HISTORY_FEATURES

#: Every feature, in the order of a snapshot's columns.
ALL_FEATURES: Final[tuple[FeatureDefinition, ...]] = (
    *application.FEATURES,
    *HISTORY_FEATURES,
    *CROSS_FEATURES,
)
ALL_FEATURE_NAMES: Final = tuple(definition.name for definition in ALL_FEATURES)
ALL_FEATURE_BY_NAME: Final = {definition.name: definition for definition in ALL_FEATURES}
#: What a model with history is given unless told otherwise.
ALL_MODEL_INPUTS: Final = tuple(definition.name for definition in ALL_FEATURES if definition.is_model_input)
ALL_DIGEST: Final = definitions_digest(ALL_FEATURES)

#: Where the history's columns are in a vector.
HISTORY: Final = slice(len(application.FEATURES), len(application.FEATURES) + len(HISTORY_FEATURES))
N_HISTORY: Final = len(HISTORY_FEATURES)


def feature_vectors(columns: Encoded, history: Features) -> Features:
    """All features of encoded applications with their history, `(n_rows, len(ALL_FEATURES))`.

    `columns` is what `encode` or `encode_table` returns; `history` is `(n_rows, n_history)`, all
    NaN for an applicant that the snapshot does not hold.
    """
    vectors = np.empty((len(columns), len(ALL_FEATURES)), dtype=np.float32)
    vectors[:, : HISTORY.start] = application_features(columns)
    vectors[:, HISTORY] = history
    vectors[:, HISTORY.stop :] = cross_features(vectors[:, : HISTORY.stop])
    return vectors
