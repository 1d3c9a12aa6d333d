"""A snapshot mapped into memory: the features of an applicant in microseconds, nothing copied up front.

The scorer and the HTTP API read through this. `ids.i64` is sorted little-endian int64, `matrix.f32`
row-major little-endian float32; a row is one applicant, so a look-up touches one or two pages.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from feature_service.application import Features
from feature_service.definitions import FeatureDefinition
from feature_service.errors import SnapshotRefused
from feature_service.manifest import FILES, IDS, MANIFEST, MATRIX, Manifest, check_order, decoded
from feature_service.vector import ALL_FEATURES

_ID_BYTES: Final = 8
_VALUE_BYTES: Final = 4


class SnapshotReader:
    """One snapshot of a local folder. Safe to read from several threads; never written to."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        rows, columns = manifest.n_applicants, len(manifest.features)
        self._ids_map = _mapped(folder / IDS, rows * _ID_BYTES)
        self._matrix_map = _mapped(folder / MATRIX, rows * columns * _VALUE_BYTES)
        self._ids: npt.NDArray[np.int64] = np.frombuffer(self._ids_map, dtype="<i8")
        self._matrix: Features = np.frombuffer(self._matrix_map, dtype="<f4").reshape(rows, columns)
        self._history = slice(*manifest.history)
        self._last = rows - 1

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        expected: Sequence[FeatureDefinition] | None = ALL_FEATURES,
        verify: bool = False,
    ) -> Self:
        """The snapshot in `folder`.

        Raises SnapshotRefused when its columns are not `expected` in this order (None takes any), when a
        file is cut, and with `verify` when a file's hash is not the manifest's (reads all of it).
        """
        try:
            raw = (folder / MANIFEST).read_bytes()
        except OSError as error:
            raise SnapshotRefused(f"{folder} holds no complete snapshot: {error}") from error
        manifest = decoded(raw)
        if expected is not None:
            check_order(manifest, expected)
        reader = cls(folder, manifest)
        if verify:
            reader.verify()
        return reader

    @property
    def id(self) -> str:
        """The snapshot's content hash."""
        return self.manifest.id

    @property
    def as_of(self) -> str:
        """When its history was taken, RFC 3339."""
        return self.manifest.as_of

    @property
    def applicant_ids(self) -> npt.NDArray[np.int64]:
        """All ids, ascending; read-only."""
        return self._ids

    @property
    def matrix(self) -> Features:
        """All rows, in the order of `applicant_ids`; read-only and not in memory until it is read."""
        return self._matrix

    def row(self, applicant_id: int) -> Features | None:
        """All features of the applicant, `(n_features,)`, read-only; None if the snapshot has none."""
        at = int(self._ids.searchsorted(applicant_id))
        if at > self._last or self._ids[at] != applicant_id:
            return None
        row: Features = self._matrix[at]
        return row

    def rows(self, applicant_ids: npt.ArrayLike) -> tuple[Features, npt.NDArray[np.bool_]]:
        """All features of the applicants, `(n, n_features)`, and who was found; NaN for who was not."""
        at, found = self._find(applicant_ids)
        return _taken(self._matrix, at, found), found

    def history(self, applicant_ids: npt.ArrayLike) -> tuple[Features, npt.NDArray[np.bool_]]:
        """The history features alone, `(n, n_history)`, for `feature_vectors`; and who was found."""
        at, found = self._find(applicant_ids)
        return _taken(self._matrix[:, self._history], at, found), found

    def verify(self, files: Sequence[str] = FILES) -> None:
        """Return if each of `files` has the hash that the manifest says; SnapshotRefused otherwise."""
        for name in files:
            try:
                with (self.folder / name).open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise SnapshotRefused(f"snapshot {self.id}: {name} can't be read: {error}") from error
            if digest != self.manifest.files[name]:
                raise SnapshotRefused(f"snapshot {self.id}: {name} is not the file that was published")

    def close(self) -> None:
        """Unmap the files. Rows that were handed out keep their pages until they go."""
        del self._ids, self._matrix
        for mapped in (self._ids_map, self._matrix_map):
            try:
                mapped.close()
            except BufferError:  # a row is still in use; the mapping ends with it
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _find(self, applicant_ids: npt.ArrayLike) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        wanted = np.asarray(applicant_ids, dtype=np.int64)
        at = np.minimum(self._ids.searchsorted(wanted), self._last)
        return at, self._ids[at] == wanted


def _taken(matrix: Features, at: npt.NDArray[np.intp], found: npt.NDArray[np.bool_]) -> Features:
    taken = matrix[at]
    if not found.all():
        taken[~found] = np.nan
    return taken


def _mapped(path: Path, size: int) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            actual = file.seek(0, 2)
            if actual != size or size == 0:
                raise SnapshotRefused(f"{path} has {actual} bytes instead of {size}")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise SnapshotRefused(f"{path} can't be mapped: {error}") from error
