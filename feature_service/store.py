"""Where snapshots are kept: a folder, `gs://` or `s3://`, by fsspec.

A snapshot appears all at once: locally by one rename of a finished folder, in an object store by
writing its manifest last. A folder without a manifest is not a snapshot. Nothing is ever changed;
only `collect_garbage` deletes, and only what it is told.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import fsspec
import structlog
from fsspec.implementations.local import LocalFileSystem

from feature_service.errors import (
    FeatureServiceError,
    SnapshotRefused,
    StoreUnavailable,
    UnknownSnapshot,
)
from feature_service.manifest import FILES, MANIFEST, Manifest, decoded

log = structlog.get_logger()

_SNAPSHOTS: Final = "snapshots"
_DRAFTS: Final = "drafts"


class SnapshotStore:
    """The snapshots under one address."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        try:
            filesystem, root = fsspec.core.url_to_fs(self.uri)
        except ImportError as error:
            raise StoreUnavailable(f"{uri}: {error}; the extra `stores` has the clients") from error
        except ValueError as error:
            raise StoreUnavailable(f"{uri}: {error}") from error
        self._files: Any = filesystem
        self._root: str = root

    @property
    def is_local(self) -> bool:
        """Whether snapshots can be mapped where they are."""
        return isinstance(self._files, LocalFileSystem)

    def address(self, snapshot_id: str) -> str:
        """The snapshot's address, for whoever fetches it from wherever; absolute for a folder."""
        return f"{self._root if self.is_local else self.uri}/{_SNAPSHOTS}/{snapshot_id}"

    def ids(self) -> tuple[str, ...]:
        """The published snapshots, oldest first."""
        return tuple(manifest.id for manifest in self.manifests())

    def is_empty(self) -> bool:
        """Whether nothing was ever published here, not even by other code.

        Listing says so when it is not allowed; a glob would find nothing.
        """
        with self._reached():
            try:
                return not self._files.ls(f"{self._root}/{_SNAPSHOTS}")
            except FileNotFoundError:
                return True

    def manifests(self) -> tuple[Manifest, ...]:
        """The manifests of all snapshots that this code can read, oldest first."""
        with self._reached():
            self._files.invalidate_cache()
            found = self._files.glob(f"{self._root}/{_SNAPSHOTS}/*/{MANIFEST}")
            raw = {path: self._files.cat_file(path) for path in found}
        manifests = []
        for path, text in raw.items():
            try:
                manifests.append(decoded(text))
            except SnapshotRefused as error:  # of another version: it must not hide the others
                log.warning("a snapshot of the store is passed over", path=path, error=str(error))
        return tuple(sorted(manifests, key=lambda manifest: (manifest.built_at, manifest.id)))

    def manifest(self, snapshot_id: str) -> Manifest:
        """The snapshot's manifest; UnknownSnapshot if there is none."""
        with self._reached():
            try:
                return decoded(self._files.cat_file(f"{self._folder(snapshot_id)}/{MANIFEST}"))
            except FileNotFoundError as error:
                raise UnknownSnapshot(f"{self.uri} holds no snapshot {snapshot_id}") from error

    def draft(self, scratch: Path) -> Path:
        """A new local folder to write a snapshot into: in a local store itself, else in `scratch`."""
        parent = Path(self._root) / _DRAFTS if self.is_local else scratch
        folder = parent / uuid4().hex
        folder.mkdir(parents=True)
        return folder

    def publish(self, draft: Path, manifest: Manifest) -> bool:
        """Make the draft the snapshot `manifest.id`; False if the store has it already.

        The draft holds every file but the manifest, and is gone afterwards.
        """
        try:
            with self._reached():
                if self._files.exists(f"{self._folder(manifest.id)}/{MANIFEST}"):
                    return False
                (draft / MANIFEST).write_bytes(manifest.encoded())
                if self.is_local:
                    return self._rename(draft, Path(self._folder(manifest.id)))
                for name in (*FILES, MANIFEST):
                    self._files.put_file(str(draft / name), f"{self._folder(manifest.id)}/{name}")
                return True
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def local_folder(self, snapshot_id: str, cache: Path) -> Path:
        """A local folder with the snapshot's files: the store's own, or a copy in `cache`."""
        manifest = self.manifest(snapshot_id)
        if self.is_local:
            return Path(self._folder(snapshot_id))
        target = cache / snapshot_id
        if not (target / MANIFEST).is_file():
            draft = cache / f".{snapshot_id}-{uuid4().hex}"
            draft.mkdir(parents=True)
            try:
                with self._reached():
                    for name in FILES:
                        self._files.get_file(f"{self._folder(snapshot_id)}/{name}", str(draft / name))
                    (draft / MANIFEST).write_bytes(manifest.encoded())
                    self._rename(draft, target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return target

    def collect_garbage(self, *, keep: int, in_use: Collection[str]) -> tuple[str, ...]:
        """Delete all but the newest `keep` snapshots and those `in_use`; the ids that went.

        UnknownSnapshot, and nothing is deleted, when an id in use is not there: a misspelt id
        would otherwise cost the snapshot that was meant.
        """
        known = self.ids()
        unknown = sorted(set(in_use) - set(known))
        if unknown:
            raise UnknownSnapshot(f"{self.uri} holds no snapshot {', '.join(unknown)}; nothing was deleted")
        newest = set(known[max(len(known) - keep, 0) :])
        gone = tuple(one for one in known if one not in newest and one not in in_use)
        with self._reached():
            for one in gone:
                # Manifest first: a half-deleted snapshot must not look like one.
                self._files.rm_file(f"{self._folder(one)}/{MANIFEST}")
                self._files.rm(self._folder(one), recursive=True)
        return gone

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Raises StoreUnavailable for whatever goes wrong inside and is no error of ours."""
        try:
            yield
        except FeatureServiceError:
            raise
        except Exception as error:  # the client of each object store has errors of its own
            said = str(error).splitlines()[0] if str(error) else ""
            raise StoreUnavailable(f"{self.uri}: {type(error).__name__}: {said}") from error

    def _folder(self, snapshot_id: str) -> str:
        if not snapshot_id.isalnum():
            raise UnknownSnapshot(f"{snapshot_id!r} is no snapshot id")
        return f"{self._root}/{_SNAPSHOTS}/{snapshot_id}"

    @staticmethod
    def _rename(draft: Path, target: Path) -> bool:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.rename(target)
        except OSError:
            if (target / MANIFEST).is_file():  # another build was faster with the same content
                return False
            raise
        return True
