"""The feature snapshot that was published last, as `feature-snapshots` says, for GET /v1/model."""

from __future__ import annotations

import msgspec
import structlog

from contracts.events import SnapshotPublished, decode_snapshot_published
from infra.runtime.compacted import ControlTopic

log = structlog.get_logger()


class PublishedSnapshot:
    """The newest announcement of one store."""

    def __init__(self, store_name: str) -> None:
        self._key = store_name.encode()
        self.newest: SnapshotPublished | None = None

    async def follow(self, control: ControlTopic) -> None:
        """Keep `newest` up to date until cancelled."""
        for key, value in (await control.newest()).items():
            self._take(key, value)
        async for key, value in control.changes():
            self._take(key, value)

    def _take(self, key: bytes, value: bytes) -> None:
        if key != self._key:
            return
        try:
            self.newest = decode_snapshot_published(value)
        except msgspec.MsgspecError:
            log.error("a record of feature-snapshots can't be read; skipped")
