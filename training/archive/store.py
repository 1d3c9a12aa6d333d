"""Where the archive's files are: a folder, `gs://` or `s3://`, by fsspec. A file is whole or not there.

On a local disk it is written under a temporary name, synced and renamed; in an object store one put makes
it, which is atomic there, while a rename is a copy and a delete. Gaps are small JSON files beside the data.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from training.archive.errors import StoreUnavailable
from training.archive.files import ArchiveFile, Place, parse

#: Begins the name of what is being written; `.parquet` does not end it, so no reader takes it for data.
DRAFT: Final = ".draft-"
_GAPS: Final = "gaps"
_BEGINNINGS: Final = "beginnings"
_GROUP_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets `first` … `last` of a partition that retention removed before they were archived."""

    place: Place
    first: int
    last: int
    found_at: str

    @property
    def records(self) -> int:
        """How many offsets."""
        return self.last - self.first + 1


class ArchiveStore:
    """The archive under one address."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        try:
            filesystem, root = fsspec.core.url_to_fs(self.uri)
        except (ImportError, ValueError) as error:
            raise StoreUnavailable(f"{uri}: {error}") from error
        self._files: Any = filesystem
        self._root: str = root

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return isinstance(self._files, LocalFileSystem)

    @property
    def root(self) -> str:
        """The store's place on its file system."""
        return self._root

    def sizes(self, topic: str) -> dict[ArchiveFile, int]:
        """The topic's files and their bytes."""
        with self._translated():
            self._files.invalidate_cache()
            if not self._files.exists(f"{self._root}/{topic}"):
                return {}
            found = self._files.find(f"{self._root}/{topic}", detail=True)
        sizes = {parse(path): int(entry["size"] or 0) for path, entry in found.items()}
        return {file: size for file, size in sizes.items() if file is not None and file.place.topic == topic}

    def files(self, topic: str) -> list[ArchiveFile]:
        """The topic's files."""
        return list(self.sizes(topic))

    def write(self, file: ArchiveFile, table: pa.Table) -> int:
        """Store the table as `file`; its bytes. Writing the same again does no harm."""
        sink = BytesIO()
        pq.write_table(table, sink, compression="zstd", row_group_size=_GROUP_ROWS)
        self._put(file.path, sink.getvalue())
        return sink.tell()

    def read(self, file: ArchiveFile, columns: list[str] | None = None) -> pa.Table:
        """The file's rows; FileNotFoundError when it is gone, as after a compaction."""
        with self._translated(), self._files.open(f"{self._root}/{file.path}", "rb") as source:
            return pq.ParquetFile(source).read(columns=columns)

    def remove(self, file: ArchiveFile) -> None:
        """Remove it, unless somebody else has."""
        with self._translated():
            try:
                self._files.rm_file(f"{self._root}/{file.path}")
            except FileNotFoundError:
                return

    def gaps(self) -> list[Gap]:
        """Every gap that was ever found."""
        with self._translated():
            self._files.invalidate_cache()
            found = [json.loads(self._files.cat_file(path)) for path in self._json_files(_GAPS)]
        return [
            Gap(Place(one["topic"], one["partition"]), one["first"], one["last"], one["found_at"])
            for one in found
        ]

    def write_gap(self, gap: Gap) -> None:
        """Record the gap; the same one twice is one."""
        topic, partition = gap.place.topic, gap.place.partition
        said = {
            "topic": topic, "partition": partition, "first": gap.first, "last": gap.last,
            "records": gap.records, "found_at": gap.found_at,
        }  # fmt: skip
        name = f"{topic}-{partition:05d}-{gap.first:020d}-{gap.last:020d}.json"
        self._put(f"{_GAPS}/{name}", json.dumps(said).encode() + b"\n")

    def remove_drafts(self) -> int:
        """Remove what was left half-written; how many. Only for who is sure that nobody writes."""
        if not self.is_local:
            return 0
        drafts = list(Path(self._root).rglob(f"{DRAFT}*"))
        for draft in drafts:
            draft.unlink(missing_ok=True)
        return len(drafts)

    def beginnings(self) -> dict[Place, int]:
        """Per partition the first offset that the log had when the archive first met it."""
        with self._translated():
            found = [json.loads(self._files.cat_file(path)) for path in self._json_files(_BEGINNINGS)]
        return {Place(one["topic"], one["partition"]): one["first"] for one in found}

    def write_beginning(self, place: Place, first: int) -> None:
        """Record where the partition's archive begins."""
        said = {"topic": place.topic, "partition": place.partition, "first": first}
        name = f"{place.topic}-{place.partition:05d}.json"
        self._put(f"{_BEGINNINGS}/{name}", json.dumps(said).encode() + b"\n")

    def _json_files(self, name: str) -> list[str]:
        folder = f"{self._root}/{name}"
        if not self._files.exists(folder):
            return []
        return [path for path in self._files.find(folder) if path.endswith(".json")]

    def _put(self, path: str, content: bytes) -> None:
        with self._translated():
            if self.is_local:
                _write_whole(Path(self._root) / path, content)
            else:
                self._files.pipe_file(f"{self._root}/{path}", content)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # the client of each object store has errors of its own
            raise StoreUnavailable(f"{self.uri}: {type(error).__name__}: {error}") from error


def _write_whole(target: Path, content: bytes) -> None:
    """A file that is whole or not there, whatever happens meanwhile, loss of power included."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.parent / f"{DRAFT}{uuid4().hex}"
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
