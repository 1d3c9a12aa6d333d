from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from feature_service.errors import StoreUnavailable, UnknownSnapshot
from feature_service.manifest import FILES, MANIFEST
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore
from tests.snapshots import published, write_files


@pytest.fixture(params=["folder", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStore:
    """A folder, and fsspec's memory file system in the place of an object store."""
    if request.param == "folder":
        return SnapshotStore(str(tmp_path / "store"))
    return SnapshotStore(f"memory://{uuid4().hex}")


def test_a_published_snapshot_can_be_read_and_verified(store: SnapshotStore, tmp_path: Path) -> None:
    snapshot_id = published(store, tmp_path, [1, 2])
    assert store.ids() == (snapshot_id,)
    with SnapshotReader.open(store.local_folder(snapshot_id, tmp_path / "cache"), verify=True) as reader:
        assert reader.id == snapshot_id


def test_the_same_content_is_published_once(store: SnapshotStore, tmp_path: Path) -> None:
    first = published(store, tmp_path, [1, 2], day=1)
    draft = store.draft(tmp_path / "drafts")
    manifest = write_files(draft, [1, 2], built_at="2026-01-09T00:00:00")
    assert manifest.id == first
    assert not store.publish(draft, manifest)
    assert not draft.exists()
    assert store.manifest(first).built_at == "2026-01-01T00:00:00"


def test_a_draft_is_no_snapshot(store: SnapshotStore, tmp_path: Path) -> None:
    write_files(store.draft(tmp_path / "drafts"), [1])
    assert store.ids() == ()


def test_an_unknown_snapshot_is_named(store: SnapshotStore) -> None:
    with pytest.raises(UnknownSnapshot, match="abc"):
        store.manifest("abc")
    with pytest.raises(UnknownSnapshot):
        store.manifest("../../elsewhere")


def test_snapshots_are_listed_oldest_first(store: SnapshotStore, tmp_path: Path) -> None:
    later = published(store, tmp_path, [1], day=5)
    earlier = published(store, tmp_path, [2], day=3)
    assert store.ids() == (earlier, later)


def test_garbage_is_what_is_old_and_not_in_use(store: SnapshotStore, tmp_path: Path) -> None:
    used, old, middle, new = (published(store, tmp_path, [day], day=day) for day in (1, 2, 3, 4))
    assert store.collect_garbage(keep=2, in_use=[used]) == (old,)
    assert store.ids() == (used, middle, new)


def test_a_misspelt_id_in_use_deletes_nothing(store: SnapshotStore, tmp_path: Path) -> None:
    first, second = published(store, tmp_path, [1], day=1), published(store, tmp_path, [2], day=2)
    with pytest.raises(UnknownSnapshot, match="nothing was deleted"):
        store.collect_garbage(keep=1, in_use=["abc"])
    assert store.ids() == (first, second)


def test_a_snapshot_is_fetched_once(tmp_path: Path) -> None:
    store = SnapshotStore(f"memory://{uuid4().hex}")
    snapshot_id = published(store, tmp_path, [1, 2])
    folder = store.local_folder(snapshot_id, tmp_path / "cache")
    made = {name: (folder / name).stat().st_mtime_ns for name in FILES}
    assert store.local_folder(snapshot_id, tmp_path / "cache") == folder
    assert {name: (folder / name).stat().st_mtime_ns for name in FILES} == made


def test_a_snapshot_of_another_version_does_not_hide_the_others(tmp_path: Path) -> None:
    store = SnapshotStore(str(tmp_path / "store"))
    first, second = published(store, tmp_path, [1], day=1), published(store, tmp_path, [2], day=2)
    manifest = Path(store.address(first)) / MANIFEST
    manifest.write_text(manifest.read_text().replace('"format_version": 1', '"format_version": 99'))
    assert store.ids() == (second,)


def test_a_store_that_does_not_answer_is_named_with_what_its_client_said() -> None:
    class Broken(MemoryFileSystem):  # type: ignore[misc]
        def cat_file(self, path: str, **_: object) -> bytes:
            raise PermissionError("no credentials\nand a long explanation")

    fsspec.register_implementation("broken", Broken, clobber=True)
    store = SnapshotStore("broken://bucket")
    with pytest.raises(StoreUnavailable, match=r"broken://bucket: PermissionError: no credentials$"):
        store.manifest("abc")


@pytest.mark.parametrize("uri", ["gs://a-bucket/features", "s3://a-bucket/features"])
def test_object_stores_have_their_clients(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # no search for Google's own machines
    store = SnapshotStore(uri)
    assert not store.is_local
    assert store.address("abc") == f"{uri}/snapshots/abc"


def test_an_address_of_no_known_kind_is_refused() -> None:
    with pytest.raises(StoreUnavailable, match="nothing://at/all"):
        SnapshotStore("nothing://at/all")


def test_the_address_of_a_folder_is_the_same_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert SnapshotStore("store").address("abc") == str(tmp_path / "store" / "snapshots" / "abc")
