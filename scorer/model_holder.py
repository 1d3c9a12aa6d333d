"""The model that decides now, and how it changes: follow `model-promotions`, fetch, check, swap.

A swap is one assignment between two micro-batches: a batch asks once and uses what it got. A
bundle that can't be had or is refused changes nothing: the old model goes on, and a metric says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog

from contracts.events import ModelPromoted, ModelVersion, decode_promoted
from infra.runtime.compacted import ControlTopic
from scorer.bundle import read_bundle
from scorer.errors import BundleRefused, BundleUnavailable, NoModel
from scorer.metrics import ScorerMetrics
from scorer.model import ServingModel
from scorer.model_cache import ModelCache

log = structlog.get_logger()

_RETRY_S: Final = 5.0
#: A try starts a process with MLflow's client: seconds of a core that a bundle long gone must not cost.
_LONGEST_RETRY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """A loaded model and which promotion it came by."""

    version: ModelVersion
    digest: str
    promoted_at: str
    serving: ServingModel


class ModelHolder:
    """Holds the model in use of one worker."""

    def __init__(self, name: str, *, lane: str, cache: ModelCache, metrics: ScorerMetrics) -> None:
        self._name = name
        self._lane = lane
        self._cache = cache
        self._metrics = metrics
        self._in_use: ModelInUse | None = None
        self._first = asyncio.Event()

    def current(self) -> ModelInUse:
        """The model that decides now; raises NoModel before the first was taken."""
        if self._in_use is None:
            raise NoModel(f"no version of {self._name} was promoted yet; promote one: scorestream promote")
        return self._in_use

    @property
    def has_model(self) -> bool:
        """Whether there is a model to decide with."""
        return self._in_use is not None

    async def wait_for_first(self) -> None:
        """Back once there is a model."""
        await self._first.wait()

    async def follow(self, control: ControlTopic) -> None:
        """Take the newest promotion, then each new one, for ever.

        Starts from the last good model of this machine when the newest can't be had now: with MLflow
        down a restarted worker decides as before.
        """
        newest = (await control.newest()).get(self._name.encode())
        wanted = None if newest is None else _decoded(newest)
        is_settled = wanted is None or await self._try(wanted)
        if not self.has_model:
            await self._try_last_good()
        pending = asyncio.create_task(self._keep_trying(None if is_settled else wanted))
        try:
            async for key, value in control.changes():
                if key == self._name.encode() and (promoted := _decoded(value)) is not None:
                    pending.cancel()
                    pending = asyncio.create_task(self._keep_trying(promoted))
        finally:
            pending.cancel()

    async def _keep_trying(self, promoted: ModelPromoted | None) -> None:
        if promoted is None:
            return
        pause_s = _RETRY_S
        while not await self._try(promoted):
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_RETRY_S)

    async def _try_last_good(self) -> None:
        last_good = self._cache.last_good()
        if last_good is not None and last_good.name == self._name:
            log.warning("starting with the last good model", version=last_good.version)
            await self._try(last_good)

    async def _try(self, promoted: ModelPromoted) -> bool:
        """False when another try may help."""
        try:
            await self._take(promoted)
        except BundleRefused as refused:
            self._metrics.bundles_refused.labels(self._lane, refused.reason.value).inc()
            log.error("bundle refused; the old model goes on", version=promoted.version, reason=str(refused))
        except BundleUnavailable as unavailable:
            self._metrics.bundles_refused.labels(self._lane, "unavailable").inc()
            log.warning("bundle not to be had now", version=promoted.version, reason=str(unavailable))
            return False
        except Exception:  # a full disk, say; in a task of its own nobody else would hear of it
            log.exception("a promoted bundle could not be taken; trying again", version=promoted.version)
            return False
        return True

    async def _take(self, promoted: ModelPromoted) -> None:
        if self._in_use is not None and self._in_use.digest == promoted.digest:
            serving = self._in_use.serving  # a version may be promoted again, or under another number
        else:
            serving = await self._loaded(promoted)
        version = ModelVersion(name=promoted.name, version=promoted.version)
        self._in_use = ModelInUse(version, promoted.digest, promoted.promoted_at, serving)
        self._cache.remember(promoted)
        self._metrics.model.clear()
        self._metrics.model.labels(self._lane, promoted.name, promoted.version, promoted.digest[:12]).set(1)
        self._metrics.compiled.set(not serving.not_compiled)
        if serving.not_compiled:
            log.warning("LightGBM walks the trees itself, slower", reason=serving.not_compiled)
        self._first.set()
        log.info("model in use", name=promoted.name, version=promoted.version, digest=promoted.digest[:12])

    async def _loaded(self, promoted: ModelPromoted) -> ServingModel:
        try:
            return await asyncio.to_thread(_load, await self._cache.folder(promoted), promoted)
        except BundleRefused:
            # It was good when it was put into the cache: the disk may have damaged it since.
            if not self._cache.discard(promoted):
                raise
            return await asyncio.to_thread(_load, await self._cache.folder(promoted), promoted)


def _load(folder: Path, promoted: ModelPromoted) -> ServingModel:
    return ServingModel(read_bundle(folder, expected_digest=promoted.digest))


def _decoded(value: bytes) -> ModelPromoted | None:
    try:
        return decode_promoted(value)
    except msgspec.MsgspecError:
        log.error("a record of model-promotions can't be read; skipped")
        return None
