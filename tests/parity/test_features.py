"""A feature is the same to the bit whether its row came as a CSV line or as JSON over the wire."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from contracts.application import COLUMNS, as_row, decode_logged
from feature_service.application import application_features, encode
from tests.models import random_rows, random_target, write_csv
from training.applications import read_labelled_applications


def test_features_from_csv_equal_features_from_json(tmp_path: Path) -> None:
    rows = random_rows(400, seed=21)
    path = write_csv(tmp_path / "application_train.csv", rows, random_target(rows, seed=21))
    from_csv = read_labelled_applications(path).columns

    bodies = [msgspec.json.encode(dict(zip(COLUMNS, row, strict=True))) for row in rows]
    from_json = encode([as_row(decode_logged(body).application) for body in bodies])

    np.testing.assert_array_equal(from_csv, from_json)
    assert application_features(from_csv).tobytes() == application_features(from_json).tobytes()
