"""Feature snapshots on this machine's disk: fetched once, kept, so that a restart needs no store.

A snapshot of a store on this machine costs nothing to keep: its files are linked. One of an object
store is downloaded by a throw-away process. Nothing is trusted here; `scorer.snapshot_holder` checks
hashes before it maps.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from contracts.events import SnapshotPublished, decode_snapshot_published, encode
from feature_service.manifest import MANIFEST, SERVING_FILES
from scorer.errors import SnapshotUnavailable

#: The one in use, and the one before it to go back to.
_KEPT: Final = 2


class SnapshotCache:
    """The folder `cache_dir`: `snapshots/<id>/` and the announcement that was last taken."""

    def __init__(self, cache_dir: Path, *, fetch_timeout_s: float) -> None:
        self._snapshots = cache_dir / "snapshots"
        self._last_good = cache_dir / "last-good-snapshot.json"
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
        draft = self._last_good.with_suffix(f".{id(self)}.draft")
        draft.write_bytes(encode(published))
        draft.replace(self._last_good)
        kept = self._place(published)
        os.utime(kept)
        folders = [folder for folder in self._snapshots.iterdir() if not folder.name.startswith(".")]
        newest_first = sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in newest_first[_KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)

    def last_good(self) -> SnapshotPublished | None:
        """The announcement that was last taken on this machine, or None."""
        try:
            return decode_snapshot_published(self._last_good.read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

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
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "scorer.fetch_snapshot", uri, str(into),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(process.communicate(), self._fetch_timeout_s)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise SnapshotUnavailable(f"no snapshot after {self._fetch_timeout_s:g} s") from None
        except asyncio.CancelledError:
            process.kill()
            raise
        if process.returncode != 0:
            message = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise SnapshotUnavailable(f"{uri}: {message[0]}")


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
