"""A published snapshot is fetched, checked and offered; whatever is wrong with it, the old one goes on."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import fsspec
import msgspec
import pytest

from contracts.events import SnapshotPublished, encode
from feature_service.announce import snapshot_published
from feature_service.manifest import MATRIX, decoded
from feature_service.store import SnapshotStore
from infra.runtime.compacted import ControlTopic
from scorer.errors import SnapshotUnavailable
from scorer.fetch_snapshot import download
from scorer.metrics import ScorerMetrics
from scorer.pair import Pair
from scorer.snapshot_cache import SnapshotCache
from scorer.snapshot_holder import SnapshotHolder
from tests.snapshots import write_files
from tests.unit.scorer.control_topic import FakeControlTopic
from tests.unit.scorer.test_pair import model

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_wait")]

STORE = "home-credit"


@pytest.fixture
def publish(tmp_path: Path) -> Callable[..., SnapshotPublished]:
    """Publishes snapshots in a store on this machine, each of other applicants."""
    store = SnapshotStore(str(tmp_path / "store"))
    numbers = itertools.count(1)

    def make(missing_tables: tuple[str, ...] = ()) -> SnapshotPublished:
        draft = store.draft(tmp_path)
        number = next(numbers)
        manifest = write_files(draft, [100 * number + 1, 100 * number + 2], built_at=f"2026-01-0{number}")
        manifest = msgspec.structs.replace(manifest, missing_tables=missing_tables)
        store.publish(draft, manifest)
        return snapshot_published(STORE, store.address(manifest.id), store.manifest(manifest.id))

    return make


class Publications(FakeControlTopic):
    """The topic of snapshots."""

    def __init__(self, newest: SnapshotPublished | None) -> None:
        super().__init__({} if newest is None else {newest.store.encode(): encode(newest)})

    def publish(self, value: bytes, store: str = STORE) -> None:
        self.write(store.encode(), value)


class Following:
    """A holder that follows a topic in memory, with a cache of its own on the disk."""

    def __init__(self, folder: Path, newest: SnapshotPublished | None = None) -> None:
        self.metrics = ScorerMetrics("sync")
        self.pair = Pair("sync", self.metrics)
        self.cache = SnapshotCache(folder, fetch_timeout_s=30)
        self.control = Publications(newest)
        self.holder = SnapshotHolder(
            STORE, lane="sync", cache=self.cache, pair=self.pair, metrics=self.metrics
        )

    @contextlib.asynccontextmanager
    async def under_way(self) -> AsyncIterator[Following]:
        task = asyncio.create_task(self.holder.follow(cast(ControlTopic, self.control)))
        try:
            await asyncio.wait_for(self.holder.is_settled.wait(), 20)
            yield self
            assert not task.done()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @property
    def mapped(self) -> str | None:
        return None if self.pair.snapshot is None else self.pair.snapshot.id

    def refused(self, reason: str) -> float:
        found = self.metrics.registry.get_sample_value(
            "scorestream_scorer_snapshots_refused_total", {"lane": "sync", "reason": reason}
        )
        return found or 0

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not wanted():
                await asyncio.sleep(0)


async def test_it_starts_with_the_newest_snapshot_and_goes_on_to_each_new_one(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    first = publish()
    async with Following(tmp_path / "cache", first).under_way() as following:
        assert following.mapped == first.snapshot_id
        assert following.pair.snapshot is not None
        assert following.pair.snapshot.row(101) is not None
        second = publish()
        following.control.publish(encode(second))
        await following.until(lambda: following.mapped == second.snapshot_id)
        assert following.cache.last_good() == second


async def test_nothing_published_is_no_reason_to_wait(tmp_path: Path) -> None:
    async with Following(tmp_path / "cache").under_way() as following:
        assert following.mapped is None


async def test_with_the_store_gone_it_starts_from_its_own_disk(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    published = publish()
    async with Following(tmp_path / "cache", published).under_way():
        pass
    shutil.rmtree(tmp_path / "store")
    async with Following(tmp_path / "cache").under_way() as following:
        assert following.mapped == published.snapshot_id


async def test_a_snapshot_not_to_be_had_is_tried_again_while_the_old_one_goes_on(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    first, second = publish(), publish()
    place = tmp_path / "store" / "snapshots" / second.snapshot_id
    place.rename(tmp_path / "away")
    async with Following(tmp_path / "cache", first).under_way() as following:
        following.control.publish(encode(second))
        await following.until(lambda: following.refused("unavailable") > 0)
        assert following.mapped == first.snapshot_id
        (tmp_path / "away").rename(place)
        await following.until(lambda: following.mapped == second.snapshot_id)


async def test_a_damaged_snapshot_is_refused_and_the_old_one_goes_on(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    first, second = publish(), publish()
    matrix = tmp_path / "store" / "snapshots" / second.snapshot_id / MATRIX
    raw = bytearray(matrix.read_bytes())
    raw[40] ^= 1
    matrix.write_bytes(raw)
    async with Following(tmp_path / "cache", first).under_way() as following:
        following.control.publish(encode(second))
        await following.until(lambda: following.refused("refused") > 0)
        assert following.mapped == first.snapshot_id


async def test_a_snapshot_damaged_in_the_cache_is_fetched_anew(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    published = publish()
    async with Following(tmp_path / "cache", published).under_way():
        pass
    kept = tmp_path / "cache" / "snapshots" / published.snapshot_id / MATRIX
    kept.unlink()
    kept.write_bytes(b"no numbers")
    async with Following(tmp_path / "cache", published).under_way() as following:
        assert following.mapped == published.snapshot_id
        assert following.refused("refused") == 0


async def test_another_manifest_than_the_announced_one_is_refused(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    published = publish()
    manifest = tmp_path / "store" / "snapshots" / published.snapshot_id / "manifest.json"
    manifest.write_bytes(decoded(manifest.read_bytes()).encoded().replace(b"2026-01-01", b"2026-01-02"))
    async with Following(tmp_path / "cache", published).under_way() as following:
        assert following.mapped is None
        assert following.refused("refused") == 1


async def test_records_that_cannot_be_read_and_other_stores_are_passed_over(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    first, second, third = publish(), publish(), publish()
    async with Following(tmp_path / "cache", first).under_way() as following:
        following.control.publish(b"{")
        following.control.publish(encode(second), store="another-store")
        following.control.publish(encode(third))
        await following.until(lambda: following.mapped == third.snapshot_id)
        kept = {folder.name for folder in (tmp_path / "cache" / "snapshots").iterdir()}
        assert kept == {first.snapshot_id, third.snapshot_id}


async def test_going_back_to_the_snapshot_in_use_ends_the_wait_of_a_later_one(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    first, without_bureau = publish(), publish(missing_tables=("bureau",))
    async with Following(tmp_path / "cache", first).under_way() as following:
        following.pair.offer_model(model("1", ("BUREAU_COUNT",)), when_taken=lambda: None)
        following.control.publish(encode(without_bureau))
        await following.until(lambda: following.refused("does-not-fit") == 1)
        following.control.publish(encode(first))
        await following.until(lambda: following.pair.waiting_snapshot is None)
        following.pair.offer_model(model("2"), when_taken=lambda: None)
        assert following.mapped == first.snapshot_id


async def test_the_cache_keeps_the_snapshot_in_use_and_the_one_before(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    all_of_them = [publish() for _ in range(3)]
    cache = SnapshotCache(tmp_path / "cache", fetch_timeout_s=30)
    for published in all_of_them:
        await cache.folder(published)
        cache.remember(published)
    kept = {folder.name for folder in (tmp_path / "cache" / "snapshots").iterdir()}
    assert kept == {published.snapshot_id for published in all_of_them[1:]}


async def test_an_address_that_no_store_answers_at_is_said(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    published = publish()
    gone = SnapshotPublished(
        **{name: getattr(published, name) for name in published.__struct_fields__ if name != "uri"},
        uri="nothing://at/all",
    )
    with pytest.raises(SnapshotUnavailable, match="nothing://at/all"):
        await SnapshotCache(tmp_path / "cache", fetch_timeout_s=30).folder(gone)


def test_a_remote_snapshot_is_downloaded_without_what_serving_does_not_map(
    publish: Callable[..., SnapshotPublished], tmp_path: Path
) -> None:
    published = publish()
    remote = fsspec.filesystem("memory")
    remote.put(published.uri, "/bucket/snapshot", recursive=True)
    download("memory://bucket/snapshot", tmp_path / "here")
    assert {file.name for file in (tmp_path / "here").iterdir()} == {"manifest.json", "matrix.f32", "ids.i64"}
    remote.rm("/bucket", recursive=True)
