"""A model on the sample, small enough to train in seconds, with its reference in a registry in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from feature_service.application import FEATURE_NAMES, Features, application_features
from tests.fake_registry import FakeRegistry
from tests.models import ORIGIN, no_progress
from training.applications import FILE_NAME, TEST_FILE_NAME, read_labelled_applications, read_unlabelled
from training.build import build_model
from training.dataset import make_dataset
from training.drift.reference import Reference, reference_of_production
from training.drift.window import Window
from training.fit import SMOKE
from training.growing import Recipe
from training.registry import Occasion
from training.sample.writer import write_sample

APPLICANTS = 20_000


@dataclass(frozen=True)
class Sample:
    """The reference of a model on the training file, and the features of applications it never saw."""

    reference: Reference
    registry: FakeRegistry
    folder: Path
    strangers: Features
    test_file: Features

    def window(self, features: Features) -> Window:
        """A window of these applications, all decided by the model."""
        model = self.reference.model
        margins = model.margins(model.select(features))
        return Window(
            decided=len(features),
            names=FEATURE_NAMES,
            features=features,
            has_history=np.ones(len(features), dtype=np.bool_),
            margins=margins,
            digests=np.full(len(features), model.digest),
            decisions=np.full(len(features), "approve"),
            unseen={},
        )


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("drift-sample")
    write_sample(
        folder, applicants=APPLICANTS, seed=7, tables=["application_train", "application_test"],
        progress=lambda *_: None, workers=1,
    )  # fmt: skip
    rows = read_labelled_applications(folder / FILE_NAME)
    dataset = make_dataset(rows, seed=5)
    built = build_model(
        dataset, model_name="credit-risk", recipe=Recipe(SMOKE), origin=ORIGIN, progress=no_progress
    )
    registry = FakeRegistry(tmp_path_factory.mktemp("registry"))
    version = registry.register(built)
    registry.make_production(version, Occasion("2026-01-01T00:00:00Z", "a test"), [])
    return Sample(
        reference=reference_of_production(registry, "credit-risk"),
        registry=registry,
        folder=folder,
        strangers=application_features(rows.columns[dataset.parts.fit]),
        test_file=application_features(read_unlabelled(folder / TEST_FILE_NAME)),
    )
