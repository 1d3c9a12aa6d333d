"""What lives when a process has started is walked by no later collection."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from infra.runtime.memory import settle


@pytest.fixture
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("as_before")
def test_what_is_alive_is_out_of_later_collections() -> None:
    alive = [[number] for number in range(1_000)]
    settle()
    assert gc.get_freeze_count() > len(alive)
    assert not any(found is alive for found in gc.get_objects())
