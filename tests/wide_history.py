"""A history of many made-up numbers, and applications to go with it, at any size."""

from __future__ import annotations

import numpy as np

from contracts.application import COLUMNS
from feature_service.application import Features
from tests.models import labelled
from training.applications import LabelledApplications
from training.catalogue import CatalogueGroup
from training.history import ApplicantIds


class WideHistory:
    """Implements `training.history.HistoryFeatures` with `n_features` random columns, a third missing."""

    snapshot_id: str | None = "wide"
    as_of: str | None = None
    is_quality_passed: bool | None = None

    def __init__(self, n_features: int) -> None:
        self.names = tuple(f"PAST_{number}" for number in range(n_features))
        self.groups = (CatalogueGroup("PAST", "The past.", "Le passé.", names=self.names),)

    def past(self, applicant_ids: ApplicantIds) -> Features:
        random = np.random.default_rng(1)
        past = random.random((len(applicant_ids), len(self.names)), dtype=np.float32)
        past[past < 1 / 3] = np.nan
        return past

    def beside(self, application: Features, past: Features) -> Features:
        return past


def labelled_like(rows: int) -> LabelledApplications:
    """Rows drawn from the random applications, each with an id of its own and its dates shifted."""
    random = np.random.default_rng(2)
    drawn = random.integers(0, len(labelled().target), rows)
    columns = labelled().columns[drawn]
    columns[:, COLUMNS.index("SK_ID_CURR")] = np.arange(100_001, 100_001 + rows)
    columns[:, COLUMNS.index("DAYS_ID_PUBLISH")] = random.integers(-7_000, 0, rows)
    columns[:, COLUMNS.index("DAYS_REGISTRATION")] = random.integers(-20_000, 0, rows)
    return LabelledApplications(columns, labelled().target[drawn], {}, "4" * 64)
