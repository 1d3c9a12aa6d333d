from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from contracts.application import COLUMNS
from contracts.application_fields import FIELDS
from feature_service.application import FEATURE_BY_NAME, Encoded
from tests.models import built_on, labelled
from training.blanks import blank_never_missing
from training.build import BuiltModel
from training.dataset import make_dataset


def complete() -> Encoded:
    """Columns where every field is stated by everybody."""
    columns = labelled().columns.copy()
    for index in range(columns.shape[1]):
        columns[np.isnan(columns[:, index]), index] = np.nanmedian(columns[:, index])
    return columns


def test_only_optional_fields_that_were_never_missing_get_blanks() -> None:
    columns = complete()
    columns[0, COLUMNS.index("OWN_CAR_AGE")] = np.nan
    is_new = np.isnan(blank_never_missing(columns, seed=1)) & ~np.isnan(columns)
    optional = [index for index, field in enumerate(FIELDS) if not field.is_required]
    assert np.flatnonzero(is_new.any(axis=0)).tolist() == [
        index for index in optional if COLUMNS[index] != "OWN_CAR_AGE"
    ]
    assert 0.008 < is_new[:, optional].mean() < 0.025


def test_a_model_never_takes_what_is_not_stated_for_a_zero() -> None:
    built = built_on(make_dataset(replace(labelled(), columns=complete()), seed=5))
    required = {field.name for field in FIELDS if field.is_required}
    checked = 0
    for name, kind in numerical_splits(built):
        definition = FEATURE_BY_NAME[name]
        if definition.null_rule == "never missing" or required.issuperset(definition.sources):
            continue
        # Bits 2 and 3 say what counts as missing; 2 stands for NaN, 0 for nothing, which makes NaN a 0.
        assert kind >> 2 == 2, name
        checked += 1
    assert checked > 10


def numerical_splits(built: BuiltModel) -> Iterator[tuple[str, int]]:
    """The feature and LightGBM's decision type of each numerical split."""
    for tree in re.split(r"Tree=\d+\n", built.model_text)[1:]:
        lines = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)
        for feature, kind in zip(
            lines["split_feature"].split(" "), lines["decision_type"].split(" "), strict=True
        ):
            if not int(kind) & 1:
                yield built.manifest.feature_names[int(feature)], int(kind)
