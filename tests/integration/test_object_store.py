"""Snapshots, their download by a scorer, and the archive on S3: over HTTP, with the clients that deploy."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.topics import PREDICTIONS
from feature_service.announce import snapshot_published
from feature_service.errors import StoreUnavailable, UnknownSnapshot
from feature_service.manifest import MANIFEST, SERVING_FILES
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore
from scorer.snapshot_cache import SnapshotCache
from tests.archived import TOPICS, prediction_record
from tests.object_store import new_bucket, s3_server
from tests.snapshots import published
from training.archive.buffers import Limits
from training.archive.compact import compact
from training.archive.files import Place
from training.archive.store import ArchiveStore
from training.archive.writing import ArchiveWriter

pytestmark = pytest.mark.anyio

EVERY_RECORD = Limits(max_age_s=0, max_records=1, max_bytes=1)
PLACE = Place(PREDICTIONS.name, 0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def _server() -> Iterator[None]:
    with s3_server():
        yield


@pytest.fixture
def bucket() -> str:
    return new_bucket(f"bucket-{uuid.uuid4().hex}")


def test_a_snapshot_is_published_read_and_collected(bucket: str, tmp_path: Path) -> None:
    store = SnapshotStore(f"{bucket}/features")
    assert store.ids() == ()
    old, new = published(store, tmp_path, [1, 2]), published(store, tmp_path, [3], day=2)
    assert store.ids() == (old, new)
    with SnapshotReader.open(store.local_folder(old, tmp_path / "cache"), verify=True) as reader:
        assert reader.applicant_ids.tolist() == [1, 2]
    assert store.collect_garbage(keep=1, in_use=[]) == (old,)
    assert SnapshotStore(f"{bucket}/features").ids() == (new,)
    with pytest.raises(UnknownSnapshot):
        store.manifest(old)


async def test_a_scorer_downloads_what_it_maps(bucket: str, tmp_path: Path) -> None:
    store = SnapshotStore(f"{bucket}/features")
    snapshot_id = published(store, tmp_path, [1, 2])
    announced = snapshot_published("home-credit", store.address(snapshot_id), store.manifest(snapshot_id))
    folder = await SnapshotCache(tmp_path / "cache", fetch_timeout_s=60).folder(announced)
    assert {file.name for file in folder.iterdir()} == {MANIFEST, *SERVING_FILES}
    with SnapshotReader.open(folder) as reader:
        assert reader.id == snapshot_id


def test_a_bucket_that_is_not_there_is_named(tmp_path: Path) -> None:
    store = SnapshotStore("s3://no-such-bucket/features")
    with pytest.raises(StoreUnavailable, match="s3://no-such-bucket/features"):
        published(store, tmp_path, [1])


def test_the_archive_is_written_gone_on_with_and_compacted(bucket: str) -> None:
    store = ArchiveStore(f"{bucket}/archive")
    for first in (0, 3):
        writer = ArchiveWriter(store, EVERY_RECORD)
        writer.recover(TOPICS)
        assert writer.begin({PLACE: 0}) == {PLACE: first}
        for offset in range(first, first + 3):
            writer.add(PLACE, prediction_record(offset))
            writer.flush_due()
    assert [(file.first, file.last) for file in sorted(store.files(PREDICTIONS.name))] == [
        (offset, offset) for offset in range(6)
    ]
    assert compact(store, TOPICS).merged == 6
    (file,) = ArchiveStore(f"{bucket}/archive").files(PREDICTIONS.name)
    assert store.read(file)["offset"].to_pylist() == list(range(6))
