"""Snapshots with made-up values, for tests that read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from feature_service.manifest import MANIFEST, FeatureColumn, Manifest, content_id
from feature_service.snapshot_files import SnapshotDraft
from feature_service.store import SnapshotStore
from feature_service.vector import ALL_FEATURES, HISTORY


def write_files(
    folder: Path, applicant_ids: Sequence[int], *, built_at: str = "2026-01-01T00:00:00"
) -> Manifest:
    """All files of a snapshot but its manifest, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = np.array(sorted(applicant_ids), dtype=np.int64)
    with SnapshotDraft(folder, ids) as draft:
        values = np.arange(draft.matrix.size, dtype=np.float32).reshape(draft.matrix.shape)
        values[0, 3] = np.nan
        draft.matrix[:] = values + ids[:, None].astype(np.float32)
        coverage = draft.finish()
        draft.write_page("# Features\n")
        matrix_sha256, ids_sha256 = draft.content_hashes()
        files = draft.file_hashes()
    columns = tuple(
        FeatureColumn(one.name, one.dtype, one.null_rule, one.table, one.categories, share)
        for one, share in zip(ALL_FEATURES, coverage, strict=True)
    )
    return Manifest(
        id=content_id(ALL_FEATURES, matrix_sha256, ids_sha256, ()),
        as_of="2026-01-01T00:00:00+00:00",
        built_at=built_at,
        engine="duckdb",
        n_applicants=len(ids),
        features=columns,
        history=(HISTORY.start, HISTORY.stop),
        missing_tables=(),
        matrix_sha256=matrix_sha256,
        ids_sha256=ids_sha256,
        files=files,
        sources={},
        source_rows={},
        inputs_digest="",
    )


def published(store: SnapshotStore, scratch: Path, applicant_ids: Sequence[int], *, day: int = 1) -> str:
    """The id of a snapshot of these applicants, published in the store as built on that day of January."""
    draft = store.draft(scratch / "drafts")
    manifest = write_files(draft, applicant_ids, built_at=f"2026-01-{day:02}T00:00:00")
    store.publish(draft, manifest)
    return manifest.id


def write_snapshot(folder: Path, applicant_ids: Sequence[int]) -> Manifest:
    """A complete snapshot in `folder`."""
    manifest = write_files(folder, applicant_ids)
    (folder / MANIFEST).write_bytes(manifest.encoded())
    return manifest
