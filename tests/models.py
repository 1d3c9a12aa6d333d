"""Applications at random and the model they give, for every suite that needs one.

Random applications obey the contract, nothing more; the target follows the external scores, so
that a model finds something.
"""

from __future__ import annotations

import csv
import functools
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contracts.application import COLUMNS, Value
from contracts.application_fields import FIELDS
from contracts.fields import Field, Kind
from feature_service.application import encode
from scorer.bundle import read_bundle, write_bundle
from scorer.model import ServingModel
from training.applications import LabelledApplications
from training.build import BuiltModel, Origin, build_model
from training.dataset import Dataset, make_dataset
from training.fit import SMOKE
from training.growing import Recipe

Row = tuple[Value, ...]

TINY = replace(SMOKE, max_trees=30, min_data_in_leaf=20)
ORIGIN = Origin(
    inputs_digest="1" * 64,
    code_digest="2" * 64,
    environment_digest="4" * 64,
    sha256={"application_train.csv": "3" * 64},
    parameters={},
    seed=5,
)


def random_rows(count: int, *, seed: int) -> list[Row]:
    """Contract rows with distinct ids; a fifth of the optional values are missing."""
    chance = random.Random(seed)
    return [(100_001 + number, *(_value(field, chance) for field in FIELDS[1:])) for number in range(count)]


def _value(field: Field, chance: random.Random) -> Value:
    if not field.is_required and chance.random() < 0.2:
        return None
    if field.kind is Kind.CATEGORY:
        return chance.choice(field.categories)
    assert field.minimum is not None
    assert field.maximum is not None
    if field.name == "DAYS_EMPLOYED" and chance.random() < 0.2:
        return 365_243
    if field.kind is Kind.INTEGER:
        return chance.randint(int(field.minimum), min(int(field.maximum), int(field.minimum) + 50_000))
    return chance.uniform(field.minimum, field.maximum)


def random_target(rows: Sequence[Row], *, seed: int) -> list[int]:
    """1 for a default: likelier with low external scores and with some sources of income.

    The mean external score alone has an AUC of 0.65 to 0.78, as in the real files.
    """
    chance = random.Random(seed)
    return [int(chance.random() < _probability(row)) for row in rows]


def _probability(row: Row) -> float:
    scores = [row[COLUMNS.index(f"EXT_SOURCE_{number}")] for number in (1, 2, 3)]
    known = [score for score in scores if isinstance(score, float)]
    income = row[COLUMNS.index("NAME_INCOME_TYPE")]
    factor = 1.0 if income in ("Working", "Student", "Unemployed") else 0.3
    return factor * (1.0 - sum(known) / max(len(known), 1)) ** 2


def write_csv(path: Path, rows: Sequence[Row], target: Sequence[int]) -> Path:
    """The rows as application_train.csv has them; numbers in the shortest text that reads back equal."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["SK_ID_CURR", "TARGET", *COLUMNS[1:]])
        for row, label in zip(rows, target, strict=True):
            writer.writerow([row[0], label, *("" if value is None else value for value in row[1:])])
    return path


def no_progress(stage: str, share: float) -> None:
    """Nobody looks on."""


@functools.cache
def labelled(count: int = 1500, seed: int = 11) -> LabelledApplications:
    """Random applications with their target, as training reads them."""
    rows = random_rows(count, seed=seed)
    target = np.array(random_target(rows, seed=seed))
    return LabelledApplications(columns=encode(rows), target=target, unseen={}, sha256="3" * 64)


@functools.cache
def dataset(seed: int = 5) -> Dataset:
    """The random applications, divided."""
    return make_dataset(labelled(), seed=seed)


@functools.cache
def built_model(seed: int = 5) -> BuiltModel:
    """A small model; the same object for the same seed."""
    return built_on(dataset(seed), seed=seed)


def built_on(rows: Dataset, *, seed: int = 5, recipe: Recipe | None = None) -> BuiltModel:
    """The model that the recipe makes of these rows."""
    return build_model(
        rows,
        model_name="credit-risk",
        recipe=recipe or Recipe(TINY),
        origin=replace(ORIGIN, seed=seed),
        progress=no_progress,
    )


def dataset_with(target: npt.NDArray[np.int64]) -> Dataset:
    """The random applications with another end."""
    return make_dataset(replace(labelled(), target=target), seed=5)


def write_model(folder: Path, built: BuiltModel | None = None) -> str:
    """The digest of the small model's bundle, written to `folder`."""
    built = built or built_model()
    return write_bundle(folder, built.manifest, model_text=built.model_text, golden=built.golden)


def serving_model(folder: Path) -> ServingModel:
    """The small model, ready to serve; `folder` must be empty."""
    write_model(folder)
    return ServingModel(read_bundle(folder))
