"""Snapshots of the feature store as training takes them. The only file of training that opens one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feature_service.application import FEATURES, Features
from feature_service.cross import cross_features
from feature_service.definitions import FeatureDefinition
from feature_service.errors import FeatureServiceError
from feature_service.manifest import FeatureColumn
from feature_service.reason_groups import HISTORY_GROUPS
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore
from feature_service.vector import ALL_FEATURES
from feature_service.views import HISTORY_FEATURES
from training.catalogue import CatalogueGroup
from training.errors import SnapshotUnusable
from training.history import ApplicantIds, EarlierHistory, HistoryFeatures

_DEFINITIONS: tuple[FeatureDefinition, ...] = ALL_FEATURES[len(FEATURES) :]


class SnapshotHistory:
    """Implements `training.history.HistoryFeatures` over an open snapshot."""

    def __init__(self, reader: SnapshotReader) -> None:
        self._reader = reader
        self.names = tuple(definition.name for definition in _DEFINITIONS)
        self.groups = history_groups(_DEFINITIONS)
        self.snapshot_id: str | None = reader.id
        self.as_of: str | None = reader.manifest.as_of
        # A failed gate publishes nothing: a snapshot with a report has passed it.
        self.is_quality_passed = True if reader.manifest.quality.report else None

    def past(self, applicant_ids: ApplicantIds) -> Features:
        """See `HistoryFeatures`."""
        past, _ = self._reader.history(applicant_ids)
        return past

    def beside(self, application: Features, past: Features) -> Features:
        """See `HistoryFeatures`: as `feature_service.vector` lays them out."""
        return np.hstack([past, cross_features(np.hstack([application, past]))])


class EarlierSnapshot:
    """Implements `training.history.EarlierHistory`: the columns of a snapshot, found by their names.

    A column that has another type or other categories by now is another column.
    """

    def __init__(self, reader: SnapshotReader) -> None:
        self._reader = reader
        start, stop = reader.manifest.history
        held = {_identity(column): at for at, column in enumerate(reader.manifest.features[start:stop])}
        self._from = [held.get(_identity(definition), -1) for definition in HISTORY_FEATURES]
        self.missing = tuple(
            definition.name for definition, at in zip(HISTORY_FEATURES, self._from, strict=True) if at < 0
        )

    def past(self, applicant_ids: ApplicantIds) -> Features:
        """See `EarlierHistory`."""
        held, _ = self._reader.history(applicant_ids)
        past: Features = np.full((len(held), len(self._from)), np.nan, dtype=np.float32)
        for column, at in enumerate(self._from):
            if at >= 0:
                past[:, column] = held[:, at]
        return past


def _identity(column: FeatureColumn | FeatureDefinition) -> tuple[str, str, tuple[str, ...]]:
    return column.name, column.dtype, column.categories


@dataclass(frozen=True, slots=True)
class StoredSnapshots:
    """Implements `training.history.Snapshots` over a store; `cache` is for copies of a remote one."""

    store: SnapshotStore
    cache: Path

    def open(self, snapshot_id: str | None) -> HistoryFeatures:
        """The snapshot; the newest for None. SnapshotUnusable if there is none, or none of this code's."""
        try:
            wanted = snapshot_id or self._newest()
            return SnapshotHistory(SnapshotReader.open(self.store.local_folder(wanted, self.cache)))
        except FeatureServiceError as error:
            raise SnapshotUnusable(str(error)) from error

    def open_earlier(self, snapshot_id: str) -> EarlierHistory:
        """See `training.history.Snapshots`. SnapshotUnusable if there is none, or a broken one."""
        try:
            folder = self.store.local_folder(snapshot_id, self.cache)
            return EarlierSnapshot(SnapshotReader.open(folder, expected=None))
        except FeatureServiceError as error:
            raise SnapshotUnusable(str(error)) from error

    def _newest(self) -> str:
        manifests = self.store.manifests()
        if not manifests:
            raise SnapshotUnusable("the feature store is empty; build a snapshot: scorestream features build")
        return max(manifests, key=lambda manifest: (manifest.as_of, manifest.built_at)).id


def history_groups(definitions: tuple[FeatureDefinition, ...]) -> tuple[CatalogueGroup, ...]:
    """The reasons that history features speak through, each with its features by name."""
    return tuple(
        CatalogueGroup(code=code, english=group.english, french=group.french, names=members)
        for code, group in HISTORY_GROUPS.items()
        if (members := tuple(d.name for d in definitions if d.group == code))
    )
