"""Feature snapshots on this machine's disk: fetched once, kept, so that a restart needs no store.

A snapshot of a store on this machine costs nothing to keep: its files are linked. One of an object
store is downloaded by a throw-away process. Nothing is trusted here; `scorer.snapshot_holder` checks
hashes before it maps.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from contracts.events import SnapshotPublished, decode_snapshot_published
from feature_service.manifest import MANIFEST, SERVING_FILES
from scorer.errors import SnapshotUnavailable
from scorer.fetching import LastTaken, fetched_by

#: The one in use, and the one before it to go back to.
_KEPT: Final = 2


class SnapshotCache:
    """The folder `cache_dir`: `snapshots/<id>/` and the announcement that was last taken."""

    def __init__(self, cache_dir: Path, *, fetch_timeout_s: float) -> None:
        self._snapshots = cache_dir / "snapshots"
        self._last_good = LastTaken(cache_dir / "last-good-snapshot.json", decode_snapshot_published)
        self._fetch_timeout_s = fetch_timeout_s
        self._snapshots.mkdir(parents=True, exist_ok=True)

    async def folder(self, published: SnapshotPublished) -> Path:
        """The folder of the snapshot, fetched if it was not here yet.

        Raises SnapshotUnavailable: try again later.
        """
        kept = self._place(published)
        if not (kept / MANIFEST).is_file():
            await self._fetch(published.uri, kept)
        return kept

    def discard(self, published: SnapshotPublished) -> bool:
        """Drop the kept snapshot, so that it is fetched anew; False when none is kept."""
        kept = self._place(published)
        if not kept.is_dir():
            return False
        shutil.rmtree(kept, ignore_errors=True)
        return not kept.exists()

    def remember(self, published: SnapshotPublished) -> None:
        """Make `published` what a restart begins with, and delete what is older than the one before it.

        Workers share the folder: what another still maps stays on the disk until it lets go.
        """
        self._last_good.note(published)
        kept = self._place(published)
        os.utime(kept)
        folders = [folder for folder in self._snapshots.iterdir() if not folder.name.startswith(".")]
        newest_first = sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in newest_first[_KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)

    def last_good(self) -> SnapshotPublished | None:
        """The announcement that was last taken on this machine, or None."""
        return self._last_good.read()

    def _place(self, published: SnapshotPublished) -> Path:
        if not (published.snapshot_id.isascii() and published.snapshot_id.isalnum()):
            raise SnapshotUnavailable(f"{published.snapshot_id[:80]!r} is no snapshot id")
        return self._snapshots / published.snapshot_id

    async def _fetch(self, uri: str, kept: Path) -> None:
        draft = Path(tempfile.mkdtemp(prefix=".fetch-", dir=self._snapshots))
        try:
            if not await asyncio.to_thread(_linked, uri, draft / "snapshot"):
                await self._download(uri, draft / "snapshot")
            _keep(draft / "snapshot", kept)
        except OSError as error:
            raise SnapshotUnavailable(f"{uri}: {error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    async def _download(self, uri: str, into: Path) -> None:
        try:
            status, last_line = await fetched_by(
                "scorer.fetch_snapshot", uri, str(into), timeout_s=self._fetch_timeout_s
            )
        except TimeoutError:
            raise SnapshotUnavailable(f"no snapshot after {self._fetch_timeout_s:g} s") from None
        if status != 0:
            raise SnapshotUnavailable(f"{uri}: {last_line}")


def _linked(uri: str, into: Path) -> bool:
    """Link the files of a snapshot on this machine; False for one elsewhere.

    Links, so that a clean-up of the store can't take them away; copies across file systems.
    """
    snapshot = Path(uri.removeprefix("file://"))
    if not snapshot.is_dir():
        return False
    into.mkdir()
    for name in (*SERVING_FILES, MANIFEST):
        try:
            os.link(snapshot / name, into / name)
        except OSError:
            shutil.copyfile(snapshot / name, into / name)
    return True


def _keep(snapshot: Path, kept: Path) -> None:
    """Move a fetched snapshot to its place; another worker's copy of it is as good."""
    try:
        snapshot.replace(kept)
    except OSError:
        if not (kept / MANIFEST).is_file():
            raise
