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
from tests.fake_history import FakeHistory
from tests.models import labelled
from training.dataset import make_dataset
from training.errors import BadOutcomes
from training.history import OneSnapshot
from training.outcomes import OUTCOME_SCHEMA, ParquetOutcomes

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


def test_a_dataset_with_outcomes_holds_out_the_newest_of_them(tmp_path: Path) -> None:
    outcomes = archive(tmp_path, [outcome(number) for number in range(300)]).matured(*YEAR)
    dataset = make_dataset(labelled(), seed=5, outcomes=outcomes)
    held_out = dataset.applicant_ids[dataset.parts.held_out]
    assert held_out.min() >= 900_150
    assert held_out.max() == 900_299


def test_an_outcome_meets_the_history_it_was_scored_with(tmp_path: Path) -> None:
    rows = [outcome(number, snapshot_id="old" if number % 2 else None) for number in range(60)]
    outcomes = archive(tmp_path, rows).matured(*YEAR)
    now, then = FakeHistory("new", offset=0.0), FakeHistory("old", offset=1_000_000.0)
    dataset = make_dataset(labelled(), seed=5, history=now, outcomes=outcomes, snapshots=OneSnapshot(then))
    known = dataset.past[-60:, 0]
    assert np.array_equal(known >= 1_000_000, np.arange(60) % 2 == 1)
