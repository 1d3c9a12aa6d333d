from __future__ import annotations

from pathlib import Path

import pytest

from scorer import latest
from scorer.model import ServingModel
from tests.models import built_model, serving_model, write_model
from tests.unit.scorer.following import FakeCache


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be had is tried again at once."""
    monkeypatch.setattr(latest, "_RETRY_S", 0.0)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServingModel:
    return serving_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A good bundle of this test's own, to be spoilt."""
    write_model(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two good bundles by their digest."""
    folder = tmp_path_factory.mktemp("bundles")
    return {write_model(folder / str(seed), built_model(seed)): folder / str(seed) for seed in (5, 6)}


@pytest.fixture
def cache(bundles: dict[str, Path]) -> FakeCache:
    return FakeCache(dict(bundles))


@pytest.fixture
def digests(bundles: dict[str, Path]) -> tuple[str, str]:
    first, second = bundles
    return first, second
