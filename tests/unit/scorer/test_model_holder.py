from __future__ import annotations

import asyncio

import pytest

from scorer.errors import BundleUnavailable, NoModel
from tests.unit.scorer.following import NAME, FakeCache, Following, promoted

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_wait")]


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
