from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feature_service.application import FEATURE_NAMES, application_features
from feature_service.vector import ALL_FEATURE_NAMES
from scorer.bundle import read_bundle
from scorer.model import ServingModel
from tests.fake_history import FakeHistory
from tests.models import built_on, labelled, write_model
from training.blanks import blank_history
from training.build import BuiltModel
from training.dataset import Dataset, make_dataset


@pytest.fixture(scope="module")
def rows() -> Dataset:
    return make_dataset(labelled(), seed=5, history=FakeHistory())


@pytest.fixture(scope="module")
def built(rows: Dataset) -> BuiltModel:
    return built_on(rows)


def test_a_manifest_names_the_view_of_each_feature(built: BuiltModel) -> None:
    views = {feature.name: feature.view for feature in built.manifest.features}
    assert views["EXT_SOURCE_2"] == "application"
    assert built.manifest.history_names == FakeHistory.names
    assert (built.manifest.lineage.snapshot_id, built.manifest.lineage.is_quality_passed) == ("s-1", True)


def test_history_features_speak_through_their_own_reason(built: BuiltModel) -> None:
    (group,) = [group for group in built.manifest.reason_groups if group.code == "PAST"]
    assert group.features == FakeHistory.names
    assert group.texts["fr"].startswith("Le passé")


def test_serving_lays_the_history_beside_the_application_as_training_did(
    rows: Dataset, built: BuiltModel, tmp_path: Path
) -> None:
    write_model(tmp_path / "bundle", built)
    model = ServingModel(read_bundle(tmp_path / "bundle"))
    some = rows.parts.held_out[:20]
    view = application_features(rows.columns[some])
    history = rows.history.beside(view, rows.history.past(rows.applicant_ids[some]))
    trained = rows.select(some, built.manifest.feature_names)
    vectors = np.full((len(some), len(ALL_FEATURE_NAMES)), np.nan, dtype=np.float32)
    vectors[:, : view.shape[1]] = view
    vectors[:, [ALL_FEATURE_NAMES.index(name) for name in FakeHistory.names]] = history
    assert np.array_equal(model.select(vectors), trained, equal_nan=True)


def test_some_applicants_are_unknown_in_the_rows_that_trees_grow_on() -> None:
    everybody_known = np.ones((10_000, 3), dtype=np.float32)
    blanked = blank_history(everybody_known, seed=1)
    unknown = np.isnan(blanked).all(axis=1)
    assert 0.015 < unknown.mean() < 0.025
    assert np.isnan(blanked).any(axis=1).sum() == unknown.sum()


def test_what_compares_application_and_history_is_blank_where_the_history_is(rows: Dataset) -> None:
    grown_on = rows.grown_on(rows.parts.fit, rows.names, seed=1)
    debt, ratio = grown_on[:, len(FEATURE_NAMES) + 1], grown_on[:, len(FEATURE_NAMES) + 2]
    assert np.isnan(ratio[np.isnan(debt)]).all()
    assert not np.isnan(ratio[~np.isnan(debt)]).all()
