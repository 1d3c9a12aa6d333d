"""A model holder that follows a topic in memory, and a cache without disk or registry."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from contracts.events import ModelPromoted, encode
from infra.runtime.compacted import ControlTopic
from scorer.errors import Refusal
from scorer.metrics import ScorerMetrics
from scorer.model_cache import ModelCache
from scorer.model_holder import ModelHolder
from scorer.pair import Pair
from tests.unit.scorer.control_topic import FakeControlTopic

NAME = "credit-risk"


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


class Promotions(FakeControlTopic):
    """The topic of promotions."""

    def __init__(self, newest: ModelPromoted | None) -> None:
        super().__init__({} if newest is None else {newest.name.encode(): encode(newest)})

    def promote(self, promoted: ModelPromoted) -> None:
        self.write(promoted.name.encode(), encode(promoted))


def promoted(digest: str, version: str = "1", name: str = NAME) -> ModelPromoted:
    return ModelPromoted(
        name=name, version=version, digest=digest, bundle_uri="u", promoted_at="t", promoted_by="p"
    )


class Following:
    """A holder that follows a topic in memory."""

    def __init__(self, cache: FakeCache, newest: ModelPromoted | None = None) -> None:
        self.cache = cache
        self.metrics = ScorerMetrics("sync")
        self.control = Promotions(newest)
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
