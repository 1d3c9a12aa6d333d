"""A history in memory: three columns, one of them made with the application's."""

from __future__ import annotations

import numpy as np

from feature_service.application import FEATURE_NAMES, Features
from training.catalogue import CatalogueGroup
from training.history import ApplicantIds


class FakeHistory:
    """Implements `training.history.HistoryFeatures` and `EarlierHistory`; odd applicants are known."""

    names = ("BUREAU_COUNT", "BUREAU_DEBT_TOTAL", "BUREAU_DEBT_TO_INCOME")
    groups = (
        CatalogueGroup("PAST", "What came before was looked at.", "Le passé a été examiné.", names=names),
    )
    as_of = "2026-01-01T00:00:00Z"
    missing: tuple[str, ...] = ()

    def __init__(
        self, snapshot_id: str = "s-1", *, offset: float = 0.0, is_quality_passed: bool | None = True
    ) -> None:
        self.snapshot_id: str | None = snapshot_id
        self.is_quality_passed = is_quality_passed
        self._offset = offset

    def past(self, applicant_ids: ApplicantIds) -> Features:
        loans = self._offset + applicant_ids % 7
        past = np.column_stack([loans, loans * 1000.0]).astype(np.float32)
        past[applicant_ids % 2 == 0] = np.nan if self._offset == 0.0 else past[applicant_ids % 2 == 0]
        return past

    def beside(self, application: Features, past: Features) -> Features:
        income = application[:, FEATURE_NAMES.index("AMT_INCOME_TOTAL")]
        income = np.where(income == 0, np.nan, income)
        return np.column_stack([past, past[:, 1] / income]).astype(np.float32)


class FakeSnapshots:
    """Implements `training.history.Snapshots`: the same history, whichever was asked for."""

    def __init__(self, history: FakeHistory) -> None:
        self._history = history

    def open(self, snapshot_id: str | None) -> FakeHistory:
        return self._history

    def open_earlier(self, snapshot_id: str) -> FakeHistory:
        return self._history
