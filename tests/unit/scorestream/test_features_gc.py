from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from contracts.events import SnapshotUsed
from contracts.topics import PREDICTIONS_BATCH
from feature_service.store import SnapshotStore
from scorestream.commands.features import features
from tests.archived import archive_records, prediction_record
from tests.snapshots import write_files
from training.archive.store import ArchiveStore


@pytest.fixture
def snapshots(tmp_path: Path) -> tuple[SnapshotStore, list[str]]:
    """A store with five snapshots, oldest first."""
    store = SnapshotStore(str(tmp_path / "store"))
    ids = []
    for day in range(1, 6):
        draft = store.draft(tmp_path)
        manifest = write_files(draft, [day], built_at=f"2026-01-0{day}T00:00:00")
        store.publish(draft, manifest)
        ids.append(manifest.id)
    return store, ids


def test_a_snapshot_that_an_archived_prediction_names_is_kept(
    snapshots: tuple[SnapshotStore, list[str]], tmp_path: Path
) -> None:
    store, ids = snapshots
    used = SnapshotUsed(ids[1], "2026-01-02T00:00:00Z", applicant_found=True)
    gone_before = SnapshotUsed("f" * 32, "2025-01-02T00:00:00Z", applicant_found=True)
    archive = tmp_path / "archive"
    predictions = [
        prediction_record(0, feature_snapshot=used),
        prediction_record(1, feature_snapshot=gone_before),
    ]
    archive_records(ArchiveStore(str(archive)), PREDICTIONS_BATCH.name, predictions)
    ended = CliRunner().invoke(
        features, ["gc", "--store", store.uri, "--keep", "2", "--in-use", ids[2], "--archive", str(archive)]
    )
    assert ended.exit_code == 0, ended.output
    assert ended.output == f"deleted  {ids[0]}\n"
    assert store.ids() == tuple(ids[1:])


def test_without_an_archive_it_says_that_nobody_was_asked(
    snapshots: tuple[SnapshotStore, list[str]],
) -> None:
    store, ids = snapshots
    ended = CliRunner().invoke(features, ["gc", "--store", store.uri, "--keep", "4"])
    assert "--archive" in ended.stderr
    assert store.ids() == tuple(ids[1:])
