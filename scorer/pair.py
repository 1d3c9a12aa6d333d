"""The model and the snapshot that decide: one pair, replaced as one, between two micro-batches.

A model that splits on history features needs a snapshot that has them. What is offered and does not
fit what is in use is refused by name and waits: when its other half comes, both are taken at once.
`scorer.model_holder` and `scorer.snapshot_holder` offer; the lane worker asks for `current`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

import structlog

from contracts.events import ModelVersion
from feature_service.snapshot import SnapshotReader
from feature_service.vector import ALL_FEATURE_BY_NAME
from scorer.errors import DoesNotFit, NoModel
from scorer.metrics import ScorerMetrics
from scorer.model import ServingModel

log = structlog.get_logger()

_NAMED = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """A loaded model, which promotion it came by, and the snapshot that it looks applicants up in."""

    version: ModelVersion
    digest: str
    promoted_at: str
    serving: ServingModel
    snapshot: SnapshotReader | None = None


@dataclass(frozen=True, slots=True)
class _Offer(Generic[T]):
    """What may decide next, and whom to tell once it does."""

    part: T
    when_taken: Callable[[], None]


class Pair:
    """Holds what decides, and at most one model and one snapshot that wait for their other half."""

    def __init__(self, lane: str, metrics: ScorerMetrics) -> None:
        self._lane = lane
        self._metrics = metrics
        self._in_use: ModelInUse | None = None
        self._snapshot: SnapshotReader | None = None
        self._next_model: _Offer[ModelInUse] | None = None
        self._next_snapshot: _Offer[SnapshotReader] | None = None
        self._first = asyncio.Event()

    def current(self) -> ModelInUse:
        """What decides now; raises NoModel before the first model was taken."""
        if self._in_use is None:
            raise NoModel(self.why_not)
        return self._in_use

    @property
    def has_model(self) -> bool:
        """Whether there is a model to decide with."""
        return self._in_use is not None

    @property
    def snapshot(self) -> SnapshotReader | None:
        """The snapshot that is mapped for deciding."""
        return self._snapshot

    @property
    def waiting_snapshot(self) -> SnapshotReader | None:
        """The snapshot that was refused until a model fits it."""
        return None if self._next_snapshot is None else self._next_snapshot.part

    def loaded(self, digest: str) -> ServingModel | None:
        """The model of this digest, if it decides or waits."""
        known = (self._in_use, None if self._next_model is None else self._next_model.part)
        return next((one.serving for one in known if one is not None and one.digest == digest), None)

    @property
    def why_not(self) -> str:
        """Why nothing can be decided yet."""
        if self._next_model is None:
            return "no version was promoted yet; promote one: scorestream promote"
        return str(_misfit(self._next_model.part, self._snapshot))

    async def wait_for_first(self) -> None:
        """Back once there is a model to decide with."""
        await self._first.wait()

    def offer_model(self, model: ModelInUse, *, when_taken: Callable[[], None]) -> None:
        """Decide with `model` from now on; DoesNotFit when it has to wait for a snapshot."""
        self._next_model = _Offer(model, when_taken)
        self._advance()
        if self._next_model is not None:
            raise DoesNotFit(str(_misfit(model, self._snapshot)))

    def stand_in(self, model: ModelInUse) -> None:
        """Decide with `model` until what waits can; DoesNotFit when it can't decide either."""
        if (misfit := _misfit(model, self._snapshot)) is not None:
            raise DoesNotFit(misfit)
        self._decide_with(model)

    def offer_snapshot(self, snapshot: SnapshotReader, *, when_taken: Callable[[], None]) -> None:
        """Look applicants up in `snapshot` from now on; DoesNotFit when it has to wait for a model."""
        self._next_snapshot = _Offer(snapshot, when_taken)
        self._advance()
        if self._next_snapshot is not None:
            raise DoesNotFit(str(_misfit(self.current(), snapshot)))

    def drop_waiting_snapshot(self) -> None:
        """Unmap what waits: a newer one is about to be mapped, and two are the most."""
        if self._next_snapshot is not None:
            self._next_snapshot.part.close()
            self._next_snapshot = None

    def _advance(self) -> None:
        """Take as much of what is offered as fits: both, else the model, else the snapshot."""
        models = (self._next_model, self._next_model, None)
        snapshots = (self._next_snapshot, None, self._next_snapshot)
        for new_model, new_snapshot in zip(models, snapshots, strict=True):
            model = self._in_use if new_model is None else new_model.part
            snapshot = self._snapshot if new_snapshot is None else new_snapshot.part
            if model is None or _misfit(model, snapshot) is None:
                if new_snapshot is not None:
                    self._take_snapshot(new_snapshot)
                if model is not None:
                    self._decide_with(model)
                if new_model is not None:
                    self._next_model = None
                    new_model.when_taken()
                return

    def _take_snapshot(self, offer: _Offer[SnapshotReader]) -> None:
        before, self._snapshot, self._next_snapshot = self._snapshot, offer.part, None
        snapshot, metrics = offer.part, self._metrics
        metrics.snapshot.clear()
        metrics.snapshot.labels(self._lane, snapshot.id).set(1)
        metrics.snapshot_as_of.set(datetime.fromisoformat(snapshot.as_of).timestamp())
        if before is not None:
            metrics.snapshot_swaps.inc()
            before.close()  # no micro-batch is under way: deciding does not wait for anything
        offer.when_taken()
        log.info("snapshot in use", snapshot=snapshot.id, as_of=snapshot.as_of)

    def _decide_with(self, model: ModelInUse) -> None:
        version = model.version
        if self._in_use is None or (self._in_use.version, self._in_use.digest) != (version, model.digest):
            self._metrics.model.clear()
            self._metrics.model.labels(self._lane, version.name, version.version, model.digest[:12]).set(1)
            self._metrics.compiled.set(not model.serving.not_compiled)
            if model.serving.not_compiled:
                log.warning("LightGBM walks the trees itself, slower", reason=model.serving.not_compiled)
            log.info("model in use", name=version.name, version=version.version, digest=model.digest[:12])
        self._in_use = replace(model, snapshot=self._snapshot)
        self._first.set()


def _misfit(model: ModelInUse, snapshot: SnapshotReader | None) -> str | None:
    """Why the model can't decide with the snapshot, None when it can."""
    used = model.serving.history_used
    if not used:
        return None
    who = f"{model.version.name} version {model.version.version}"
    if snapshot is None:
        return (
            f"{who} uses {_named(used)} of the history, and no snapshot is mapped;"
            " build one: scorestream features build"
        )
    missing = set(snapshot.manifest.missing_tables)
    lacking = [name for name in used if missing & set(ALL_FEATURE_BY_NAME[name].table.split(" + "))]
    if not lacking:
        return None
    return (
        f"{who} uses {_named(lacking)}, which snapshot {snapshot.id} lacks: it was built without"
        f" {', '.join(snapshot.manifest.missing_tables)}"
    )


def _named(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more features"
