from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.application import COLUMNS, example
from tests.fake_history import FakeHistory, FakeSnapshots
from tests.fake_registry import FakeRegistry
from tests.models import (
    TINY,
    built_on,
    dataset,
    labelled,
    no_progress,
    random_rows,
    random_target,
    write_csv,
)
from training.card import write_card
from training.dataset import make_dataset
from training.errors import BadOutcomes, TooFewOutcomes
from training.outcomes import OUTCOME_SCHEMA, ParquetOutcomes
from training.train import OutcomeWindow, TrainingPlan, train

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = (START, START + timedelta(days=365))


def outcome(number: int, **changes: Any) -> dict[str, Any]:
    application = {**json.loads(example("full")), "SK_ID_CURR": 900_000 + number}
    return {
        "application_id": f"a-{number}",
        "application": json.dumps(application).encode(),
        "snapshot_id": None,
        "decision": "approve",
        "submitted_at": START + timedelta(days=number),
        "defaulted": number % 3 == 0,
        "observed_at": START + timedelta(days=number + 30),
        **changes,
    }


def archive(
    folder: Path, rows: list[dict[str, Any]], name: str = "date=2026-01-01/a.parquet"
) -> ParquetOutcomes:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=OUTCOME_SCHEMA), path)
    return ParquetOutcomes(folder)


def test_outcomes_of_the_window_come_oldest_first_as_the_contract_encodes_them(tmp_path: Path) -> None:
    archive(tmp_path, [outcome(40), outcome(2), outcome(1)])
    found = archive(tmp_path, [outcome(9)], "b.parquet").matured(START, START + timedelta(days=60))
    assert found.columns[:, COLUMNS.index("SK_ID_CURR")].tolist() == [900_001, 900_002, 900_009]
    assert found.target.tolist() == [0, 0, 1]


def test_the_first_record_of_an_application_counts(tmp_path: Path) -> None:
    rows = [outcome(1), outcome(1, defaulted=True, submitted_at=START + timedelta(days=2)), outcome(2)]
    found = archive(tmp_path, rows).matured(*YEAR)
    assert found.target.tolist() == [0, 0]


def test_equal_outcomes_have_equal_digests_and_others_do_not(tmp_path: Path) -> None:
    first = archive(tmp_path / "1", [outcome(1), outcome(2)]).matured(*YEAR)
    shuffled = archive(tmp_path / "2", [outcome(2), outcome(1)]).matured(*YEAR)
    other = archive(tmp_path / "3", [outcome(1), outcome(2, defaulted=True)]).matured(*YEAR)
    assert first.sha256 == shuffled.sha256 != other.sha256


def test_an_empty_window_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadOutcomes, match="no outcome was observed"):
        archive(tmp_path, [outcome(1)]).matured(START - timedelta(days=9), START)


def test_a_file_of_another_form_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"application_id": ["x"]}), tmp_path / "other.parquet")
    with pytest.raises(BadOutcomes, match=r"other\.parquet"):
        ParquetOutcomes(tmp_path).matured(*YEAR)


def test_an_application_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadOutcomes, match="a-1 can't be read"):
        archive(tmp_path, [outcome(1, application=b"{")]).matured(*YEAR)


def test_a_dataset_with_outcomes_holds_out_the_newest_of_them_beside_the_same_labels(tmp_path: Path) -> None:
    outcomes = archive(tmp_path, [outcome(number) for number in range(300)]).matured(*YEAR)
    joined = make_dataset(labelled(), seed=5, outcomes=outcomes)
    newest = joined.applicant_ids[joined.parts.newest]
    assert (newest.min(), newest.max()) == (900_150, 900_299)
    without = make_dataset(labelled(), seed=5)
    held_out = set(joined.applicant_ids[joined.parts.held_out])
    assert held_out == {*newest, *without.applicant_ids[without.parts.held_out]}


def test_an_outcome_meets_the_history_it_was_scored_with(tmp_path: Path) -> None:
    rows = [outcome(number, snapshot_id="old" if number % 2 else None) for number in range(60)]
    outcomes = archive(tmp_path, rows).matured(*YEAR)
    now, then = FakeHistory("new", offset=0.0), FakeHistory("old", offset=1_000_000.0)
    joined = make_dataset(labelled(), seed=5, history=now, outcomes=outcomes, snapshots=FakeSnapshots(then))
    known = joined.past[-60:, 0]
    assert np.array_equal(known >= 1_000_000, np.arange(60) % 2 == 1)


def plan_with(archive_of: ParquetOutcomes, folder: Path, *, is_optional: bool) -> TrainingPlan:
    rows = random_rows(900, seed=51)
    write_csv(folder / "application_train.csv", rows, random_target(rows, seed=51))
    window = OutcomeWindow(archive_of, *YEAR, is_optional=is_optional)
    return TrainingPlan(folder=folder, model_name="credit-risk", settings=TINY, seed=1, outcomes=window)


def test_too_few_outcomes_to_hold_out_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    few = archive(tmp_path / "archive", [outcome(number) for number in range(6)])
    plan, registry = plan_with(few, tmp_path, is_optional=True), FakeRegistry(tmp_path / "registry")
    trained = train(plan, registry, progress=no_progress)
    assert trained.built is not None
    assert "outcomes" not in trained.built.manifest.lineage.sha256
    (note,) = trained.notes
    assert note.startswith("trained without outcomes: the newest 3 of 6 outcomes")
    markdown, _ = write_card(tmp_path, trained.built, tuned=None, compared={}, pictures=[])
    assert note in markdown.read_text()
    assert train(plan, registry, progress=no_progress).notes == (note,)


def test_too_few_outcomes_to_hold_out_end_a_training_that_wants_them(tmp_path: Path) -> None:
    few = archive(tmp_path / "archive", [outcome(number) for number in range(6)])
    with pytest.raises(TooFewOutcomes, match="have 1 defaults; at least 5"):
        train(plan_with(few, tmp_path, is_optional=False), FakeRegistry(tmp_path / "r"), progress=no_progress)


def test_the_newest_outcomes_have_figures_of_their_own_where_they_are_enough(tmp_path: Path) -> None:
    outcomes = archive(tmp_path, [outcome(number) for number in range(300)]).matured(*YEAR)
    built = built_on(make_dataset(labelled(), seed=5, outcomes=outcomes))
    metrics = built.metrics
    assert (metrics["newest_applicants"], metrics["applicants"]) == (150, 150 + len(dataset().parts.held_out))
    assert metrics["newest_auc_low"] <= metrics["newest_auc"] <= metrics["newest_auc_high"]
    few = archive(tmp_path / "few", [outcome(number) for number in range(40)]).matured(*YEAR)
    built = built_on(make_dataset(labelled(), seed=5, outcomes=few))
    assert built.metrics["newest_applicants"] == 20
    assert "newest_auc" not in built.metrics
    markdown, _ = write_card(tmp_path, built, tuned=None, compared={}, pictures=[])
    assert "20 of them have the newest outcomes, alone unmeasured." in markdown.read_text()


def test_outcomes_of_snapshots_that_lack_features_are_counted(tmp_path: Path) -> None:
    rows = [outcome(number, snapshot_id="old" if number % 3 else None) for number in range(60)]
    outcomes = archive(tmp_path, rows).matured(*YEAR)
    then = FakeHistory("old")
    then.missing = ("BUREAU_COUNT",)
    with_old = make_dataset(
        labelled(), seed=5, history=FakeHistory("new"), outcomes=outcomes, snapshots=FakeSnapshots(then)
    )
    (note,) = with_old.notes
    assert note.startswith("40 of 60 outcomes were scored with snapshots that were built without 1 of")
