from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from scorer.errors import BundleRefused, BundleUnavailable, Refusal
from tests.models import built_model, write_model
from tests.unit.scorer.following import FakeCache, Following, promoted

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_wait")]


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


async def test_a_bundle_that_is_too_slow_at_this_moment_is_kept_and_tried_again(
    cache: FakeCache, digests: tuple[str, str]
) -> None:
    cache.fresh[digests[1]] = cache.bundles[digests[1]]
    cache.troubles[digests[1]] = [BundleRefused(Refusal.TOO_SLOW, "x") for _ in range(2)]
    async with Following(cache, promoted(digests[0], "1")).under_way() as following:
        await following.until("1")
        following.control.promote(promoted(digests[1], "2"))
        await following.until("2")
        assert following.refused() == 2
        assert digests[1] in cache.fresh


@pytest.mark.parametrize("newest", [None, "9" * 64])
async def test_with_the_registry_down_the_last_good_model_is_tried_until_the_machine_has_time(
    cache: FakeCache, digests: tuple[str, str], newest: str | None
) -> None:
    cache.kept = promoted(digests[0], "1")
    cache.troubles[digests[0]] = [BundleRefused(Refusal.TOO_SLOW, "x") for _ in range(2)]
    if newest is not None:
        cache.troubles[newest] = [BundleUnavailable("MLflow is down") for _ in range(10_000)]
    following = Following(cache, None if newest is None else promoted(newest, "2"))
    async with following.under_way():
        await following.until("1")


async def test_a_kept_bundle_that_this_code_does_not_take_is_not_thrown_away(
    cache: FakeCache, digests: tuple[str, str], tmp_path: Path
) -> None:
    write_model(tmp_path / "newer", built_model(5))
    manifest = tmp_path / "newer" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 2', '"format_version": 3'))
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    cache.bundles[digest], cache.fresh[digest] = tmp_path / "newer", cache.bundles[digests[0]]
    async with Following(cache, promoted(digest, "1")).under_way() as following:
        await following.until_refused()
        assert following.refused_now() == [("1", "unsupported-format")]
        assert digest in cache.fresh
