"""The files of a snapshot while it is written: a mapped matrix to fill, then Parquet and hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from feature_service.application import Features
from feature_service.manifest import FILES, IDS, MATRIX, PAGE, PARQUET
from feature_service.vector import ALL_FEATURE_NAMES

#: Rows of a Parquet row group; 20 MB of one per thousand features.
_GROUP_ROWS: Final = 32_768


class SnapshotDraft:
    """A snapshot being written in `folder` for the applicants `ids` (ascending)."""

    def __init__(self, folder: Path, ids: npt.NDArray[np.int64]) -> None:
        self._folder = folder
        self.ids = ids
        ids.astype("<i8").tofile(folder / IDS)
        self.matrix: Features = np.memmap(
            folder / MATRIX, dtype="<f4", mode="w+", shape=(len(ids), len(ALL_FEATURE_NAMES))
        )
        self._hashes: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self.matrix

    def finish(self) -> list[float]:
        """Write the Parquet file of the filled matrix; each feature's share of applicants with a value."""
        known = np.zeros(len(ALL_FEATURE_NAMES), dtype=np.int64)
        schema = pa.schema(
            [("SK_ID_CURR", pa.int64()), *((name, pa.float32()) for name in ALL_FEATURE_NAMES)]
        )
        with pq.ParquetWriter(
            self._folder / PARQUET, schema, compression="zstd", compression_level=1, use_dictionary=False
        ) as writer:
            for start in range(0, len(self.ids), _GROUP_ROWS):
                block = np.ascontiguousarray(self.matrix[start : start + _GROUP_ROWS].T)
                known += np.count_nonzero(~np.isnan(block), axis=1)
                columns = [pa.array(self.ids[start : start + _GROUP_ROWS]), *map(pa.array, block)]
                writer.write_table(pa.table(columns, schema=schema), row_group_size=_GROUP_ROWS)
        if isinstance(self.matrix, np.memmap):
            self.matrix.flush()
        return [float(count) / len(self.ids) for count in known]

    def write_page(self, text: str) -> None:
        """Write the page that lists the features with their coverage."""
        (self._folder / PAGE).write_text(text, encoding="utf-8")

    def content_hashes(self) -> tuple[str, str]:
        """SHA-256 of the matrix and of the ids, hexadecimal."""
        return self._hash(MATRIX), self._hash(IDS)

    def file_hashes(self) -> dict[str, str]:
        """SHA-256 of each file, hexadecimal."""
        return {name: self._hash(name) for name in FILES}

    def _hash(self, name: str) -> str:
        if name not in self._hashes:
            with (self._folder / name).open("rb") as file:
                self._hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._hashes[name]
