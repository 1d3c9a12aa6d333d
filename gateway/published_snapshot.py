"""The feature snapshot that was published last, as `feature-snapshots` says, for GET /v1/model."""

from __future__ import annotations

from contracts.events import SnapshotPublished, decode_snapshot_published
from contracts.topics import FEATURE_SNAPSHOTS
from gateway.newest import Newest


class PublishedSnapshot(Newest[SnapshotPublished]):
    """The newest announcement of one store."""

    def __init__(self, store_name: str) -> None:
        super().__init__(FEATURE_SNAPSHOTS, store_name, decode_snapshot_published)
