from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from contracts.events import ModelPromoted, encode
from infra.runtime.compacted import ControlTopic
from scorer import latest
from scorer.errors import BundleRefused, BundleUnavailable, NoModel, Refusal
from scorer.metrics import ScorerMetrics
from scorer.model_cache import ModelCache
from scorer.model_holder import ModelHolder
from scorer.pair import Pair
from tests.models import built_model, write_model

pytestmark = pytest.mark.anyio

NAME = "credit-risk"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "_RETRY_S", 0.0)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two good bundles by their digest."""
    folder = tmp_path_factory.mktemp("bundles")
    return {write_model(folder / str(seed), built_model(seed)): folder / str(seed) for seed in (5, 6)}


@dataclass
class FakeCache:
    """Bundles by digest; each call for one takes the next of its `troubles` first."""

    bundles: dict[str, Path]
    troubles: dict[str, list[Exception]] = field(default_factory=dict)
    kept: ModelPromoted | None = None
    asked: list[str] = field(default_factory=list)
    fresh: dict[str, Path] = field(default_factory=dict)
    #: Whether each bundle has to be fetched.
    is_remote: bool = False

    def holds(self, promoted: ModelPromoted) -> bool:
        return promoted.digest in self.bundles and promoted.digest not in self.troubles and not self.is_remote

    async def folder(self, promoted: ModelPromoted) -> Path:
        self.asked.append(promoted.digest)
        if troubles := self.troubles.get(promoted.digest):
            raise troubles.pop(0)
        return self.bundles[promoted.digest]

    def discard(self, promoted: ModelPromoted) -> bool:
        if promoted.digest not in self.fresh:
            return False
        self.bundles[promoted.digest] = self.fresh.pop(promoted.digest)
        return True

    def remember(self, promoted: ModelPromoted) -> None:
        self.kept = promoted

    def last_good(self) -> ModelPromoted | None:
        return self.kept


class FakeControlTopic:
    def __init__(self, newest: ModelPromoted | None) -> None:
        self._newest = newest
        self._changes: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    def promote(self, promoted: ModelPromoted) -> None:
        self.write(promoted.name.encode(), encode(promoted))

    def write(self, key: bytes, value: bytes) -> None:
        self._changes.put_nowait((key, value))

    async def newest(self) -> dict[bytes, bytes]:
        return {} if self._newest is None else {self._newest.name.encode(): encode(self._newest)}

    async def changes(self) -> AsyncIterator[tuple[bytes, bytes]]:
        while True:
            yield await self._changes.get()


def promoted(digest: str, version: str = "1", name: str = NAME) -> ModelPromoted:
    return ModelPromoted(
        name=name, version=version, digest=digest, bundle_uri="u", promoted_at="t", promoted_by="p"
    )


class Following:
    """A holder that follows a topic in memory."""

    def __init__(self, cache: FakeCache, newest: ModelPromoted | None = None) -> None:
        self.cache = cache
        self.metrics = ScorerMetrics("sync")
        self.control = FakeControlTopic(newest)
        self.pair = Pair("sync", self.metrics)
        self.holder = ModelHolder(
            NAME, lane="sync", cache=cast(ModelCache, cache), pair=self.pair, metrics=self.metrics
        )

    @contextlib.asynccontextmanager
    async def under_way(self) -> AsyncIterator[Following]:
        task = asyncio.create_task(self.holder.follow(cast(ControlTopic, self.control)))
        try:
            yield self
            assert not task.done()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def version(self) -> str | None:
        return self.pair.current().version.version if self.pair.has_model else None

    def refused(self) -> float:
        labels = [{"lane": "sync", "reason": reason.value} for reason in Refusal]
        name = "scorestream_scorer_bundles_refused_total"
        return sum(self.metrics.registry.get_sample_value(name, label) or 0 for label in labels)

    def shown(self) -> list[str]:
        families = [one for one in self.metrics.registry.collect() if one.name.endswith("model_info")]
        return [sample.labels["version"] for family in families for sample in family.samples]

    def refused_now(self) -> list[tuple[str, str]]:
        """Version and reason of the newest promotion while it is not what decides."""
        families = [one for one in self.metrics.registry.collect() if one.name.endswith("refused_info")]
        samples = [sample.labels for family in families for sample in family.samples]
        return [(labels["version"], labels["reason"]) for labels in samples]

    async def until(self, version: str) -> None:
        async with asyncio.timeout(10):
            while self.version() != version:
                await asyncio.sleep(0)

    async def until_refused(self) -> None:
        async with asyncio.timeout(10):
            while self.refused() < 1:
                await asyncio.sleep(0)

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(10):
            while len(self.cache.asked) < times:
                await asyncio.sleep(0)
            await asyncio.sleep(0)


@pytest.fixture
def cache(bundles: dict[str, Path]) -> FakeCache:
    return FakeCache(dict(bundles))


@pytest.fixture
def digests(bundles: dict[str, Path]) -> tuple[str, str]:
    first, second = bundles
    return first, second


async def test_before_a_promotion_there_is_no_model_and_the_mend_is_named(cache: FakeCache) -> None:
    async with Following(cache).under_way() as following:
        assert not following.pair.has_model
        with pytest.raises(NoModel, match="scorestream promote"):
            following.pair.current()


async def test_it_starts_with_the_newest_promotion(cache: FakeCache, digests: tuple[str, str]) -> None:
    async with Following(cache, promoted(digests[0], "3")).under_way() as following:
        await asyncio.wait_for(following.pair.wait_for_first(), 10)
        assert following.version() == "3"
        assert following.pair.current().serving.digest == digests[0]
        assert cache.kept == promoted(digests[0], "3")


async def test_a_promotion_swaps_the_model_and_the_metric(cache: FakeCache, digests: tuple[str, str]) -> None:
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        following.control.promote(promoted(digests[1], "2"))
        await following.until("2")
        assert following.pair.current().serving.digest == digests[1]
        assert following.shown() == ["2"]


async def test_a_refused_bundle_changes_nothing_and_is_counted(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.troubles[digests[1]] = [BundleRefused(Refusal.HASH_MISMATCH, "x")]
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        following.control.promote(promoted(digests[1], "2"))
        await following.until_refused()
        assert following.version() == "1"
        assert cache.kept == promoted(digests[0], "1")
        assert following.refused_now() == [("2", "hash-mismatch")]
        following.control.promote(promoted(digests[1], "3"))
        await following.until("3")
        assert following.refused_now() == []


@pytest.mark.parametrize("reason", Refusal)
async def test_every_refusal_is_a_label_and_the_old_model_goes_on(
    cache: FakeCache, digests: tuple[str, str], reason: Refusal
) -> None:
    cache.troubles[digests[1]] = [BundleRefused(reason, "x")]
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        following.control.promote(promoted(digests[1], "2"))
        await following.until_refused()
        assert following.version() == "1"
        label = {"lane": "sync", "reason": reason.value}
        counted = following.metrics.registry.get_sample_value(
            "scorestream_scorer_bundles_refused_total", label
        )
        assert counted == 1


async def test_a_bundle_other_than_the_promoted_one_is_refused(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.bundles["e" * 64] = cache.bundles[digests[1]]
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        following.control.promote(promoted("e" * 64, "2"))
        await following.until_refused()
        assert following.version() == "1"


async def test_a_bundle_not_to_be_had_is_tried_again_while_the_old_model_goes_on(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.troubles[digests[1]] = [BundleUnavailable("MLflow is down") for _ in range(3)]
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        following.control.promote(promoted(digests[1], "2"))
        await following.until("2")
        assert cache.asked == [digests[0], *[digests[1]] * 4]


async def test_a_full_disk_does_not_end_the_search_for_the_promoted_bundle_unheard(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.troubles[digests[1]] = [OSError(28, "No space left on device")]
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        following.control.promote(promoted(digests[1], "2"))
        await following.until("2")


async def test_with_the_registry_down_it_starts_with_the_last_good_model_and_then_takes_the_newest(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.kept = promoted(digests[0], "1")
    cache.troubles[digests[1]] = [BundleUnavailable("MLflow is down") for _ in range(2)]
    following = Following(cache, promoted(digests[1], "2"))
    seen: list[str | None] = []
    async with following.under_way():
        await following.pair.wait_for_first()
        seen.append(following.version())
        await following.until("2")
    assert seen == ["1"]


async def test_what_has_to_be_fetched_does_not_keep_the_last_good_model_waiting(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.kept, cache.is_remote = promoted(digests[0], "1"), True
    following = Following(cache, promoted(digests[1], "2"))
    async with following.under_way():
        await following.until("2")
    assert cache.asked == [digests[0], digests[1]]


async def test_a_newest_promotion_that_is_here_is_taken_at_once(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.kept = promoted(digests[0], "1")
    following = Following(cache, promoted(digests[1], "2"))
    async with following.under_way():
        await following.until("2")
    assert cache.asked == [digests[1]]


async def test_with_no_promotion_on_the_topic_it_starts_with_the_last_good_model(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.kept = promoted(digests[0], "1")
    async with Following(cache).under_way() as following:
        await following.until("1")


async def test_the_last_good_model_of_another_name_is_not_taken(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.kept = promoted(digests[0], "1", name="other")
    async with Following(cache).under_way() as following:
        await asyncio.sleep(0)
        assert not following.pair.has_model


async def test_the_same_digest_under_another_version_is_not_loaded_again(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        serving = following.pair.current().serving
        following.control.promote(promoted(digests[0], "2"))
        await following.until("2")
        assert following.pair.current().serving is serving
        assert cache.asked == [digests[0]]


async def test_a_newer_promotion_ends_the_search_for_an_older_one(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.troubles["f" * 64] = [BundleUnavailable("gone") for _ in range(10_000)]
    async with Following(cache).under_way() as following:
        following.control.promote(promoted("f" * 64, "1"))
        await following.until_asked(3)
        following.control.promote(promoted(digests[0], "2"))
        await following.until("2")
        asked = len(cache.asked)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(cache.asked) == asked


async def test_records_that_cannot_be_read_and_other_models_are_passed_over(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        following.control.write(NAME.encode(), b"{")
        following.control.promote(promoted(digests[1], "9", name="other"))
        following.control.promote(promoted(digests[1], "2"))
        await following.until("2")
        assert cache.asked == list(digests)


async def test_a_bundle_damaged_in_the_cache_is_fetched_anew(
    cache: FakeCache, digests: tuple[str, str], tmp_path: Path
) -> None:
    write_model(tmp_path / "damaged", built_model(5))
    (tmp_path / "damaged" / "model.txt").write_text("tree")
    cache.fresh[digests[0]] = cache.bundles[digests[0]]
    cache.bundles[digests[0]] = tmp_path / "damaged"
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        assert following.refused() == 0
