"""The snapshot that the API serves: the newest of the store, swapped between two requests."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import structlog

from feature_service.errors import FeatureServiceError, NoSnapshot
from feature_service.metrics import FeatureMetrics
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore

log = structlog.get_logger()


class CurrentSnapshot:
    """Opens the store's newest snapshot; `refresh` goes on to a newer one."""

    def __init__(self, store: SnapshotStore, cache: Path, metrics: FeatureMetrics) -> None:
        self.store = store
        self._cache = cache
        self._metrics = metrics
        self._reader: SnapshotReader | None = None
        self._waits_for_first = False

    @property
    def reader(self) -> SnapshotReader:
        """The snapshot that is served; NoSnapshot before the first."""
        if self._reader is None:
            raise NoSnapshot(f"{self.store.uri} holds no snapshot yet; run: scorestream features build")
        return self._reader

    @property
    def has_snapshot(self) -> bool:
        """Whether there is a snapshot to serve."""
        return self._reader is not None

    @property
    def waits_for_first(self) -> bool:
        """Whether the store answered, and nothing was ever published there."""
        return self._reader is None and self._waits_for_first

    def refresh(self) -> bool:
        """Open the newest snapshot if it is another one; whether it was. The old one goes with its rows."""
        ids = self.store.ids()
        self._waits_for_first = not ids and self.store.is_empty()
        if not ids or (self._reader is not None and self._reader.id == ids[-1]):
            return False
        try:
            reader = SnapshotReader.open(self.store.local_folder(ids[-1], self._cache))
        except FeatureServiceError:
            self._metrics.not_served.inc()
            raise
        if self._reader is not None:
            self._metrics.snapshot.remove(self._reader.id)
        self._reader = reader
        self._metrics.snapshot.labels(reader.id).set(1)
        self._metrics.applicants.set(reader.manifest.n_applicants)
        self._metrics.as_of.set(datetime.fromisoformat(reader.manifest.as_of).timestamp())
        log.info("snapshot opened", snapshot=reader.id, applicants=reader.manifest.n_applicants)
        return True
