from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.events import ModelPromoted
from scorer.bundle import read_bundle
from scorer.errors import BundleRefused, BundleUnavailable, Refusal
from scorer.fetching import alone
from scorer.model_cache import ModelCache
from tests.models import write_model

pytestmark = pytest.mark.anyio


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    return ModelCache(tmp_path / "cache", registry_uri="http://127.0.0.1:9", fetch_timeout_s=60)


@pytest.fixture
def loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a shell script in the place of the process that fetches and proves bundles."""

    def put(script: str) -> None:
        stand_in = tmp_path / "loader"
        stand_in.write_text(f"#!/bin/sh\n{script}\n")
        stand_in.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(stand_in))

    return put


def promoted(uri: str, digest: str = "a" * 64, version: str = "1") -> ModelPromoted:
    return ModelPromoted(
        name="credit-risk", version=version, digest=digest, bundle_uri=uri, promoted_at="t", promoted_by="p"
    )


def left_behind(tmp_path: Path) -> list[str]:
    return [one.name for one in (tmp_path / "cache" / "bundles").iterdir()]


async def test_a_bundle_is_fetched_once_and_kept_though_its_source_is_gone(
    cache: ModelCache, tmp_path: Path
) -> None:
    digest = write_model(tmp_path / "source")
    kept = await cache.folder(promoted(str(tmp_path / "source"), digest))
    assert read_bundle(kept).digest == digest
    shutil.rmtree(tmp_path / "source")
    assert await cache.folder(promoted(str(tmp_path / "source"), digest)) == kept
    assert left_behind(tmp_path) == [digest]


async def test_a_bundle_other_than_the_promoted_one_is_refused_and_not_kept(
    cache: ModelCache, tmp_path: Path
) -> None:
    write_model(tmp_path / "source")
    with pytest.raises(BundleRefused) as refused:
        await cache.folder(promoted(str(tmp_path / "source"), "b" * 64))
    assert refused.value.reason is Refusal.DIGEST_MISMATCH
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("signal", ["SEGV", "ABRT", "KILL"])
async def test_a_bundle_that_crashes_its_loader_is_refused(
    cache: ModelCache, loader: Callable[[str], None], tmp_path: Path, signal: str
) -> None:
    loader(f"kill -{signal} $$")
    with pytest.raises(BundleRefused) as refused:
        await cache.folder(promoted("anything"))
    assert refused.value.reason is Refusal.CRASHED_LOADER
    assert left_behind(tmp_path) == []


async def test_the_loaders_last_line_is_the_reason_whatever_was_said_before(
    cache: ModelCache, loader: Callable[[str], None]
) -> None:
    loader('echo "[LightGBM] [Warning] hm"; echo "bad-structure two words"; exit 3')
    with pytest.raises(BundleRefused) as refused:
        await cache.folder(promoted("anything"))
    assert refused.value.reason is Refusal.BAD_STRUCTURE
    assert refused.value.detail == "two words"


@pytest.mark.parametrize(("script", "why"), [("echo gone; exit 1", "gone"), ("exit 7", "it said nothing")])
async def test_a_bundle_that_can_not_be_had_now_is_unavailable(
    cache: ModelCache, loader: Callable[[str], None], tmp_path: Path, script: str, why: str
) -> None:
    loader(script)
    with pytest.raises(BundleUnavailable, match=why):
        await cache.folder(promoted("anything"))
    assert left_behind(tmp_path) == []


async def test_a_download_that_takes_too_long_is_ended(loader: Callable[[str], None], tmp_path: Path) -> None:
    loader("exec sleep 60")
    cache = ModelCache(tmp_path / "cache", registry_uri="", fetch_timeout_s=0.05)
    with pytest.raises(BundleUnavailable, match="no bundle after"):
        await cache.folder(promoted("anything"))
    assert left_behind(tmp_path) == []


def test_the_last_good_promotion_survives_a_restart(cache: ModelCache, tmp_path: Path) -> None:
    assert cache.last_good() is None
    cache.remember(promoted("u", version="1"))
    cache.remember(promoted("u", version="2"))
    again = ModelCache(tmp_path / "cache", registry_uri="", fetch_timeout_s=1)
    assert again.last_good() == promoted("u", version="2")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]"])
def test_a_last_good_promotion_that_cannot_be_read_is_none(
    cache: ModelCache, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "cache" / "last-good.json").write_bytes(content)
    assert cache.last_good() is None


@pytest.mark.parametrize("digest", ["", ".", "..", "../..", "a" * 63])
def test_nothing_but_a_digest_is_ever_discarded(cache: ModelCache, tmp_path: Path, digest: str) -> None:
    (tmp_path / "cache" / "bundles" / ("a" * 63)).mkdir()
    assert not cache.discard(promoted("u", digest))
    assert left_behind(tmp_path) == ["a" * 63]


async def test_workers_of_one_machine_fetch_a_bundle_once(
    cache: ModelCache, loader: Callable[[str], None], tmp_path: Path
) -> None:
    loader(f'echo fetched >> {tmp_path}/log; sleep 0.5; mkdir "$5"')
    other = ModelCache(tmp_path / "cache", registry_uri="", fetch_timeout_s=60)
    folders = await asyncio.gather(cache.folder(promoted("uri")), other.folder(promoted("uri")))
    assert folders[0] == folders[1]
    assert (tmp_path / "log").read_text() == "fetched\n"


async def test_a_worker_that_hangs_holds_no_other_up_for_ever(
    cache: ModelCache, loader: Callable[[str], None], tmp_path: Path
) -> None:
    loader('mkdir "$5"')
    other = ModelCache(tmp_path / "cache", registry_uri="", fetch_timeout_s=0.3)
    async with alone(tmp_path / "cache" / "fetching.lock", patience_s=0):
        assert (await other.folder(promoted("uri"))).is_dir()
