from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from contracts.events import ModelPromoted, encode
from gateway.metrics import GatewayMetrics
from gateway.model_in_production import ModelInProduction
from infra.runtime.compacted import ControlTopic

pytestmark = pytest.mark.anyio


def promoted(version: str, name: str = "credit-risk") -> bytes:
    return encode(
        ModelPromoted(
            name=name, version=version, digest="d", bundle_uri="u", promoted_at="t", promoted_by="p"
        )
    )


class FakeControlTopic:
    def __init__(self, newest: dict[bytes, bytes], changes: list[tuple[bytes, bytes]]) -> None:
        self._newest = newest
        self._changes = changes

    async def newest(self) -> dict[bytes, bytes]:
        return self._newest

    async def changes(self) -> AsyncIterator[tuple[bytes, bytes]]:
        for change in self._changes:
            yield change


async def followed(
    newest: dict[bytes, bytes], *changes: tuple[bytes, bytes]
) -> tuple[ModelInProduction, Any]:
    metrics = GatewayMetrics()
    model = ModelInProduction("credit-risk", metrics)
    await model.follow(cast(ControlTopic, FakeControlTopic(newest, list(changes))))
    return model, metrics.registry


async def test_the_newest_promotion_wins_and_is_the_only_one_in_the_metric() -> None:
    model, registry = await followed({b"credit-risk": promoted("1")}, (b"credit-risk", promoted("2")))
    assert model.newest is not None
    assert model.newest.version == "2"
    shown = [sample.labels["version"] for family in registry.collect() if family.name.endswith("model_info")
             for sample in family.samples]  # fmt: skip
    assert shown == ["2"]


async def test_a_record_that_cannot_be_read_changes_nothing() -> None:
    model, _ = await followed({b"credit-risk": promoted("1")}, (b"credit-risk", b"{"), (b"credit-risk", b"7"))
    assert model.newest is not None
    assert model.newest.version == "1"


async def test_another_models_promotion_is_not_ours() -> None:
    model, _ = await followed({b"other": promoted("9", "other")}, (b"other", promoted("10", "other")))
    assert model.newest is None
