from __future__ import annotations

from pathlib import Path

import pytest

from scorer.model import ServingModel
from tests.models import serving_model, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServingModel:
    return serving_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A good bundle of this test's own, to be spoilt."""
    write_model(tmp_path / "bundle")
    return tmp_path / "bundle"
