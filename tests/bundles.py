"""A small, real model bundle for tests that need something to decide with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contracts.application import COLUMNS, as_row, decode_submitted, example
from contracts.events import ModelPromoted
from feature_service.application import encode
from scorer.bundle import write_bundle
from training.applications import LabelledApplications
from training.build import Origin, build_model
from training.dataset import make_dataset
from training.fit import FitSettings
from training.growing import Recipe

MODEL_NAME = "credit-risk"
_ROWS = 3_000
_VARIED = {
    "AMT_CREDIT": (50_000, 1_500_000),
    "DAYS_BIRTH": (-25_000, -8_000),
    "AMT_INCOME_TOTAL": (30_000, 400_000),
}


def labelled_applications(seed: int = 0) -> LabelledApplications:
    """Applications whose external scores, amounts and ages vary, with a risk that depends on them."""
    random = np.random.default_rng(seed)
    columns = np.tile(encode([as_row(decode_submitted(example("full")))]), (_ROWS, 1))
    columns[:, COLUMNS.index("SK_ID_CURR")] = np.arange(100_001, 100_001 + _ROWS)
    for number in (1, 2, 3):
        columns[:, COLUMNS.index(f"EXT_SOURCE_{number}")] = random.random(_ROWS)
    for name, (low, high) in _VARIED.items():
        columns[:, COLUMNS.index(name)] = random.integers(low, high, _ROWS)
    external = columns[:, [COLUMNS.index(f"EXT_SOURCE_{number}") for number in (1, 2, 3)]].mean(axis=1)
    bad_rate = 1 / (1 + np.exp(3.2 + 9 * (external - 0.5)))
    target = (random.random(_ROWS) < bad_rate).astype(np.int64)
    return LabelledApplications(columns, target, {}, "0" * 64)


def promoted_bundle(folder: Path, *, version: str = "1", seed: int = 0) -> ModelPromoted:
    """The promotion of a bundle that was trained for it and lies in `folder`."""
    built = build_model(
        make_dataset(labelled_applications(seed), seed=seed),
        model_name=MODEL_NAME,
        recipe=Recipe(FitSettings()),
        origin=Origin("0" * 64, "0" * 64, {}, {}, seed),
        progress=lambda *_: None,
    )
    digest = write_bundle(folder, built.manifest, model_text=built.model_text, golden=built.golden)
    return ModelPromoted(
        name=MODEL_NAME,
        version=version,
        digest=digest,
        bundle_uri=str(folder),
        promoted_at="2026-01-01T00:00:00Z",
        promoted_by="a test",
    )
