"""What training asks of the lender's history: features per applicant, of one snapshot.

A feature snapshot implements `HistoryFeatures` (`training.snapshots`); `NO_HISTORY` is the
application-only case of the same path. Two steps, as at serving: look up what the snapshot holds of
an applicant, then lay it beside the application, which some features compare it with.
Knows no store and no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from feature_service.application import Features
from training.catalogue import CatalogueGroup

ApplicantIds = npt.NDArray[np.int64]


class HistoryFeatures(Protocol):
    """The history features of one snapshot."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of `beside`, in order; none is the name of a feature of the application."""

    @property
    def groups(self) -> Sequence[CatalogueGroup]:
        """A reason for each feature, by name."""

    @property
    def snapshot_id(self) -> str | None:
        """The snapshot's content hash."""

    @property
    def as_of(self) -> str | None:
        """Up to when it knows what happened, RFC 3339."""

    @property
    def is_quality_passed(self) -> bool | None:
        """What the snapshot's quality report says; None if it has none."""

    def past(self, applicant_ids: ApplicantIds) -> Features:
        """What is held of the applicants, `(n_applicants, n_held)`; an unknown one's row is all NaN."""

    def beside(self, application: Features, past: Features) -> Features:
        """The features, `(n_rows, n_names)`, of rows of the application view and of `past`.

        The columns of `past` come first, as they are.
        """


class EarlierHistory(Protocol):
    """What a snapshot of any age holds, in the columns of `HistoryFeatures.past` of this code."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns that it was built without: NaN for everybody."""

    def past(self, applicant_ids: ApplicantIds) -> Features:
        """As `HistoryFeatures.past`."""


class Snapshots(Protocol):
    """The store of snapshots, so that an application meets the history that it was scored with."""

    def open(self, snapshot_id: str | None) -> HistoryFeatures:
        """The snapshot; LookupError if the store no longer has it or if its columns are not this code's."""

    def open_earlier(self, snapshot_id: str) -> EarlierHistory:
        """The snapshot, whatever columns it was built with; LookupError if the store no longer has it."""


@dataclass(frozen=True, slots=True)
class NoHistory:
    """No snapshot: applications are judged by themselves."""

    names: tuple[str, ...] = ()
    groups: tuple[CatalogueGroup, ...] = ()
    snapshot_id: str | None = None
    as_of: str | None = None
    is_quality_passed: bool | None = None

    def past(self, applicant_ids: ApplicantIds) -> Features:
        """An empty row per applicant."""
        return np.empty((len(applicant_ids), 0), dtype=np.float32)

    def beside(self, application: Features, past: Features) -> Features:
        """An empty row per application."""
        return past


NO_HISTORY: Final = NoHistory()
