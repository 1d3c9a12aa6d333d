"""The snapshot to look applicants up in, and how it changes: follow `feature-snapshots`, fetch, check, offer.

A snapshot that can't be had, is damaged or made by other definitions changes nothing: the one in use
goes on, and a metric says so. What is looked up is swapped by `scorer.pair`, between two micro-batches.
"""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from pathlib import Path

import msgspec
import structlog

from contracts.events import SnapshotPublished, decode_snapshot_published
from feature_service.errors import SnapshotRefused
from feature_service.manifest import MANIFEST, SERVING_FILES
from feature_service.snapshot import SnapshotReader
from infra.runtime.compacted import ControlTopic
from scorer.errors import DoesNotFit, SnapshotUnavailable
from scorer.latest import keep_up
from scorer.metrics import ScorerMetrics
from scorer.pair import Pair
from scorer.snapshot_cache import SnapshotCache

log = structlog.get_logger()


class SnapshotHolder:
    """Offers one worker's pair each snapshot that is published in one store."""

    def __init__(
        self, store: str, *, lane: str, cache: SnapshotCache, pair: Pair, metrics: ScorerMetrics
    ) -> None:
        self._store = store
        self._lane = lane
        self._cache = cache
        self._pair = pair
        self._metrics = metrics
        #: Set once the snapshot to start with is mapped, or found not to be had.
        self.is_settled = asyncio.Event()

    async def follow(self, control: ControlTopic) -> None:
        """Take the last good snapshot of this machine, then the newest, then each new one, for ever."""
        last_good = self._cache.last_good()
        if last_good is not None and last_good.store == self._store:
            await self._try(last_good)
            if self._pair.snapshot is not None:
                self.is_settled.set()
        key = self._store.encode()
        newest = (await control.newest()).get(key)
        wanted = None if newest is None else _decoded(newest)
        is_settled = wanted is None or await self._try(wanted)
        self.is_settled.set()
        await keep_up(control, key, decode=_decoded, attempt=self._try, first=None if is_settled else wanted)

    async def _try(self, published: SnapshotPublished) -> bool:
        """False when another try may help."""
        refused = self._metrics.snapshots_refused
        try:
            await self._take(published)
        except SnapshotRefused as refusal:
            refused.labels(self._lane, "refused").inc()
            log.error("snapshot refused; the old one goes on", reason=str(refusal))
        except DoesNotFit as misfit:
            refused.labels(self._lane, "does-not-fit").inc()
            log.error("snapshot refused until a model fits; the old one goes on", reason=str(misfit))
        except SnapshotUnavailable as unavailable:
            refused.labels(self._lane, "unavailable").inc()
            log.warning("snapshot not to be had now", reason=str(unavailable))
            return False
        except Exception:  # a full disk, say; in a task of its own nobody else would hear of it
            log.exception("a published snapshot could not be taken; trying again", uri=published.uri)
            return False
        return True

    async def _take(self, published: SnapshotPublished) -> None:
        self._pair.drop_waiting_snapshot()
        if self._pair.snapshot is not None and self._pair.snapshot.id == published.snapshot_id:
            self._cache.remember(published)
            return
        snapshot = await self._opened(published)
        self._pair.offer_snapshot(snapshot, when_taken=partial(self._cache.remember, published))

    async def _opened(self, published: SnapshotPublished) -> SnapshotReader:
        try:
            return await asyncio.to_thread(_open, await self._cache.folder(published), published)
        except SnapshotRefused:
            # The disk may have damaged it since it was put into the cache.
            if not self._cache.discard(published):
                raise
            return await asyncio.to_thread(_open, await self._cache.folder(published), published)


def _open(folder: Path, published: SnapshotPublished) -> SnapshotReader:
    """The snapshot, all of its served bytes read once: checked, and in memory before the first look-up."""
    if hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest() != published.manifest_sha256:
        raise SnapshotRefused(f"snapshot {published.snapshot_id}: its manifest is not the published one")
    snapshot = SnapshotReader.open(folder)
    snapshot.verify(SERVING_FILES)
    return snapshot


def _decoded(value: bytes) -> SnapshotPublished | None:
    try:
        return decode_snapshot_published(value)
    except msgspec.MsgspecError:
        log.error("a record of feature-snapshots can't be read; skipped")
        return None
