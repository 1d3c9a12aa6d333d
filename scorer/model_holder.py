"""The model that is to decide, and how it changes: follow `model-promotions`, fetch, check, offer.

A bundle that can't be had or is refused changes nothing: the old model goes on, and a metric says so. What
the machine is too busy for is tried again, as is what can't be had.
What decides is swapped by `scorer.pair`, between two micro-batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import structlog

from contracts.events import ModelPromoted, ModelVersion, decode_promoted
from infra.runtime.compacted import ControlTopic
from scorer.bundle import read_bundle
from scorer.errors import BundleRefused, BundleUnavailable, DoesNotFit, Refusal
from scorer.latest import keep_up
from scorer.metrics import UNAVAILABLE, ScorerMetrics
from scorer.model import ServingModel
from scorer.model_cache import ModelCache
from scorer.pair import ModelInUse, Pair

log = structlog.get_logger()


class ModelHolder:
    """Offers one worker's pair each model that is promoted."""

    def __init__(
        self, name: str, *, lane: str, cache: ModelCache, pair: Pair, metrics: ScorerMetrics
    ) -> None:
        self._name = name
        self._lane = lane
        self._cache = cache
        self._pair = pair
        self._metrics = metrics

    async def follow(self, control: ControlTopic) -> None:
        """Take the newest promotion, then each new one, for ever.

        Starts with the last good model of this machine unless the newest is here as well: fetching takes
        seconds, or minutes when the registry hangs, and the others decide with it meanwhile, too.
        """
        key = self._name.encode()
        newest = (await control.newest()).get(key)
        first = None if newest is None else _decoded(newest)
        if first is not None and not self._cache.holds(first):
            await self._stand_in_for(first)
        await keep_up(control, key, decode=_decoded, attempt=self._attempt, first=first or self._last_good())

    async def _attempt(self, promoted: ModelPromoted) -> bool:
        """False when another try may help: with this model, or with the last good one while there is none."""
        is_settled = await self._try(promoted)
        if self._pair.has_model:
            return is_settled
        return await self._stand_in_for(promoted) and is_settled

    async def _stand_in_for(self, promoted: ModelPromoted) -> bool:
        """False when another try may help to decide with the last good model meanwhile."""
        last_good = self._last_good()
        if last_good is None or last_good.digest == promoted.digest:
            return True
        log.warning("starting with the last good model", version=last_good.version)
        return await self._try(last_good, self._pair.stand_in)

    def _last_good(self) -> ModelPromoted | None:
        last_good = self._cache.last_good()
        return last_good if last_good is not None and last_good.name == self._name else None

    async def _try(self, promoted: ModelPromoted, offer: Callable[[ModelInUse], None] | None = None) -> bool:
        """False when another try may help."""
        try:
            model = await self._loaded(promoted)
            (offer or partial(self._offer, promoted))(model)
        except BundleRefused as refused:
            self._note_refusal(promoted, refused.reason.value)
            log.error("bundle refused; the old model goes on", version=promoted.version, reason=str(refused))
            # Time is the machine's at this moment; every other rule is broken for good.
            return refused.reason is not Refusal.TOO_SLOW
        except DoesNotFit as misfit:
            self._note_refusal(promoted, Refusal.DOES_NOT_FIT.value)
            log.error("model refused until a snapshot fits; the old model goes on", reason=str(misfit))
        except BundleUnavailable as unavailable:
            self._note_refusal(promoted, UNAVAILABLE)
            log.warning("bundle not to be had now", version=promoted.version, reason=str(unavailable))
            return False
        except Exception:  # a full disk, say; in a task of its own nobody else would hear of it
            log.exception("a promoted bundle could not be taken; trying again", version=promoted.version)
            return False
        return True

    def _note_refusal(self, promoted: ModelPromoted, reason: str) -> None:
        self._metrics.bundles_refused.labels(self._lane, reason).inc()
        self._metrics.refused.clear()
        self._metrics.refused.labels(self._lane, promoted.name, promoted.version, reason).set(1)

    def _offer(self, promoted: ModelPromoted, model: ModelInUse) -> None:
        self._pair.offer_model(model, when_taken=partial(self._taken, promoted))

    def _taken(self, promoted: ModelPromoted) -> None:
        self._metrics.refused.clear()
        self._cache.remember(promoted)

    async def _loaded(self, promoted: ModelPromoted) -> ModelInUse:
        # A version may be promoted again, or under another number.
        serving = self._pair.loaded(promoted.digest) or await self._served(promoted)
        version = ModelVersion(name=promoted.name, version=promoted.version)
        return ModelInUse(version, promoted.digest, promoted.promoted_at, serving)

    async def _served(self, promoted: ModelPromoted) -> ServingModel:
        try:
            return await asyncio.to_thread(_load, await self._cache.folder(promoted), promoted)
        except BundleRefused as refused:
            # It was good when it was put into the cache: the disk may have damaged it since. Whatever else
            # is wrong would be wrong again, and the registry that it came from may be away.
            if not (refused.reason.is_damage and self._cache.discard(promoted)):
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
