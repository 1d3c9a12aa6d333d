from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from feature_service.application import FEATURES, application_features
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore
from feature_service.vector import ALL_FEATURE_NAMES, ALL_FEATURES, ALL_MODEL_INPUTS, HISTORY, feature_vectors
from tests.models import labelled
from tests.snapshots import write_files, write_snapshot
from training.catalogue import features_by_group
from training.dataset import make_dataset
from training.errors import SnapshotUnusable
from training.history import HistoryFeatures
from training.snapshots import SnapshotHistory, StoredSnapshots, history_groups

KNOWN = [100_001, 100_005, 100_009]


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    draft = tmp_path / "draft"
    manifest = write_snapshot(draft, KNOWN)
    place = tmp_path / "store" / "snapshots" / manifest.id
    place.parent.mkdir(parents=True)
    shutil.move(draft, place)
    return SnapshotStore(str(tmp_path / "store"))


@pytest.fixture
def history(store: SnapshotStore, tmp_path: Path) -> HistoryFeatures:
    return StoredSnapshots(store, tmp_path / "cache").open(None)


def test_training_sees_the_vector_that_serving_computes(
    history: HistoryFeatures, store: SnapshotStore, tmp_path: Path
) -> None:
    dataset = make_dataset(labelled(), seed=5, history=history)
    (snapshot_id,) = store.ids()
    with SnapshotReader.open(store.local_folder(snapshot_id, tmp_path)) as reader:
        past, found = reader.history(dataset.applicant_ids)
    assert dataset.names == ALL_FEATURE_NAMES
    assert found.sum() == len(KNOWN)
    assert np.array_equal(dataset.features, feature_vectors(labelled().columns, past), equal_nan=True)


def test_a_model_may_have_what_serving_may_give_it(history: HistoryFeatures) -> None:
    dataset = make_dataset(labelled(), seed=5, history=history)
    assert dataset.inputs == ALL_MODEL_INPUTS


def test_every_feature_of_the_store_has_a_reason_in_two_languages() -> None:
    groups = features_by_group(ALL_MODEL_INPUTS, history_groups(ALL_FEATURES[len(FEATURES) :]))
    assert sum(len(members) for _, members in groups) == len(ALL_MODEL_INPUTS)
    assert all(group.english and group.french for group, _ in groups)


def test_an_unknown_applicant_has_no_history_and_keeps_the_application(history: HistoryFeatures) -> None:
    columns = labelled().columns[1:3]
    past = history.past(np.array([1, 2]))
    beside = history.beside(application_features(columns), past)
    assert np.isnan(past).all()
    assert beside.shape == (2, len(history.names))


def test_a_store_without_snapshots_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SnapshotUnusable, match="scorestream features build"):
        StoredSnapshots(SnapshotStore(str(tmp_path / "empty")), tmp_path).open(None)


def test_a_snapshot_that_is_gone_is_named(store: SnapshotStore, tmp_path: Path) -> None:
    with pytest.raises(SnapshotUnusable, match="no snapshot abc"):
        StoredSnapshots(store, tmp_path).open("abc")


def test_a_snapshot_without_a_quality_report_says_so(history: HistoryFeatures) -> None:
    assert isinstance(history, SnapshotHistory)
    assert history.is_quality_passed is None
    assert history.snapshot_id


def test_a_snapshot_of_other_columns_is_read_by_their_names(tmp_path: Path) -> None:
    store = SnapshotStore(str(tmp_path / "store"))
    draft = store.draft(tmp_path / "drafts")
    manifest = write_files(draft, KNOWN)
    columns = list(manifest.features)
    at, gone, other = HISTORY.start, HISTORY.start + 1, HISTORY.start + 2
    columns[at], columns[other] = columns[other], columns[at]
    columns[gone] = msgspec.structs.replace(columns[gone], name="A_FEATURE_OF_LAST_YEAR")
    store.publish(draft, msgspec.structs.replace(manifest, features=tuple(columns)))
    snapshots = StoredSnapshots(store, tmp_path / "cache")
    with pytest.raises(SnapshotUnusable, match="build a snapshot with this version"):
        snapshots.open(manifest.id)
    earlier = snapshots.open_earlier(manifest.id)
    assert earlier.missing == (ALL_FEATURES[gone].name,)
    past = earlier.past(np.array([*KNOWN, 7]))
    with SnapshotReader.open(store.local_folder(manifest.id, tmp_path), expected=None) as reader:
        held = reader.matrix[:, HISTORY]
        assert np.array_equal(past[:3, [0, 2]], held[:, [2, 0]])
        assert np.array_equal(past[:3, 3:], held[:, 3:])
    assert np.isnan(past[:, 1]).all()
    assert np.isnan(past[3]).all()
