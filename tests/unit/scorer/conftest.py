from __future__ import annotations

from pathlib import Path

import pytest

from scorer.model import ServingModel
from tests.models import built_model, serving_model, write_model
from tests.unit.scorer.following import FakeCache


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
