from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feature_service.errors import SnapshotRefused
from feature_service.manifest import MANIFEST, MATRIX, Manifest, content_id
from feature_service.snapshot import SnapshotReader
from feature_service.snapshot_files import SnapshotDraft
from feature_service.vector import ALL_FEATURES, HISTORY
from tests.snapshots import write_snapshot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_snapshot(tmp_path, [100, 205, 300])
    return tmp_path


def test_a_row_is_what_was_written_and_nothing_is_copied(folder: Path) -> None:
    with SnapshotReader.open(folder) as reader:
        row = reader.row(205)
        assert row is not None
        assert row.base is not None
        assert row.tobytes() == reader.matrix[1].tobytes()
        assert not row.flags.writeable


@pytest.mark.parametrize("unknown", [1, 204, 301, 2**40])
def test_an_unknown_applicant_has_no_row(folder: Path, unknown: int) -> None:
    with SnapshotReader.open(folder) as reader:
        assert reader.row(unknown) is None


def test_rows_come_in_the_order_asked_and_unknown_ones_are_all_missing(folder: Path) -> None:
    with SnapshotReader.open(folder) as reader:
        rows, found = reader.rows([300, 7, 100])
        assert found.tolist() == [True, False, True]
        assert rows[0].tobytes() == reader.matrix[2].tobytes()
        assert rows[2].tobytes() == reader.matrix[0].tobytes()
        assert np.isnan(rows[1]).all()


def test_the_history_is_the_middle_of_the_row(folder: Path) -> None:
    with SnapshotReader.open(folder) as reader:
        history, _ = reader.history([205])
        assert history.tobytes() == reader.matrix[1, HISTORY].tobytes()


def test_a_snapshot_of_other_features_is_refused_by_name(folder: Path) -> None:
    swapped = (ALL_FEATURES[1], ALL_FEATURES[0], *ALL_FEATURES[2:])
    with pytest.raises(SnapshotRefused, match=ALL_FEATURES[1].name):
        SnapshotReader.open(folder, expected=swapped)
    with pytest.raises(SnapshotRefused, match="features"):
        SnapshotReader.open(folder, expected=ALL_FEATURES[:-1])


def test_a_cut_matrix_is_refused_at_once(folder: Path) -> None:
    path = folder / MATRIX
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(SnapshotRefused, match=MATRIX):
        SnapshotReader.open(folder)


def test_a_changed_value_is_found_on_demand(folder: Path) -> None:
    SnapshotReader.open(folder, verify=True).close()
    raw = bytearray((folder / MATRIX).read_bytes())
    raw[17] ^= 1
    (folder / MATRIX).write_bytes(raw)
    with pytest.raises(SnapshotRefused, match="not the file that was published"):
        SnapshotReader.open(folder, verify=True)


def test_a_folder_without_a_manifest_is_no_snapshot(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    with pytest.raises(SnapshotRefused, match="no complete snapshot"):
        SnapshotReader.open(folder)


def test_a_newer_format_is_refused(folder: Path) -> None:
    path = folder / MANIFEST
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(SnapshotRefused, match="format 2"):
        SnapshotReader.open(folder)


def test_the_id_depends_on_content_alone(tmp_path: Path) -> None:
    one, other, changed = (
        write_snapshot(tmp_path / name, ids) for name, ids in (("a", [1, 2]), ("b", [1, 2]), ("c", [1, 3]))
    )
    assert one.id == other.id != changed.id
    assert one.id != content_id(ALL_FEATURES, one.matrix_sha256, one.ids_sha256, ["bureau"])
    assert isinstance(one, Manifest)


def test_coverage_counts_who_has_a_value(tmp_path: Path) -> None:
    with SnapshotDraft(tmp_path, np.array([1, 2, 3, 4])) as draft:
        draft.matrix[:] = 0.0
        draft.matrix[:3, 5] = np.nan
        coverage = draft.finish()
    assert coverage[5] == 0.25
    assert coverage[6] == 1.0
