from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from contracts.application import COLUMNS
from tests.models import random_rows, random_target, write_csv
from training.applications import read_labelled_applications
from training.errors import BadApplicationsFile

ROWS = random_rows(40, seed=3)
TARGET = [0, 1] * 20


def spoilt(tmp_path: Path, *, column: str, value: str) -> Path:
    """A good file whose third applicant has `value` in `column`."""
    path = write_csv(tmp_path / "application_train.csv", ROWS, TARGET)
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    lines[3][lines[0].index(column)] = value
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    return path


def test_rows_come_back_as_they_are(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "application_train.csv", ROWS, random_target(ROWS, seed=3))
    read = read_labelled_applications(path)
    assert read.columns.shape == (40, len(COLUMNS))
    assert read.columns[:, 0].tolist() == [row[0] for row in ROWS]
    assert read.target.tolist() == random_target(ROWS, seed=3)
    assert read.unseen == {}


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("AMT_CREDIT", "plenty", "column AMT_CREDIT (double)"),
        ("SK_ID_CURR", "100001.5", "column SK_ID_CURR (int64)"),
        ("SK_ID_CURR", "", "column SK_ID_CURR is empty"),
        ("SK_ID_CURR", "100001", "SK_ID_CURR 100001 is there more than once"),
        ("EXT_SOURCE_1", "inf", "column EXT_SOURCE_1 holds an infinite value"),
        ("AMT_CREDIT", "1e999", "column AMT_CREDIT holds an infinite value"),
        ("TARGET", "2", "column TARGET must be 0 or 1"),
        ("TARGET", "", "column TARGET must be 0 or 1"),
    ],
)
def test_a_bad_value_is_named_with_its_file_and_column(
    tmp_path: Path, column: str, value: str, said: str
) -> None:
    path = spoilt(tmp_path, column=column, value=value)
    with pytest.raises(BadApplicationsFile) as refused:
        read_labelled_applications(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_a_category_never_seen_is_missing_and_counted(tmp_path: Path) -> None:
    path = spoilt(tmp_path, column="OCCUPATION_TYPE", value="Astronaut")
    read = read_labelled_applications(path)
    assert read.unseen["OCCUPATION_TYPE"] == 1
    assert np.isnan(read.columns[2, COLUMNS.index("OCCUPATION_TYPE")])


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "application_train.csv"
    path.write_text("SK_ID_CURR,TARGET\n1,0\n")
    with pytest.raises(
        BadApplicationsFile, match=r"columns are missing: NAME_CONTRACT_TYPE, .*FLAG_DOCUMENT_21"
    ):
        read_labelled_applications(path)


def test_a_file_that_is_not_there_says_what_to_pass(tmp_path: Path) -> None:
    with pytest.raises(BadApplicationsFile, match="--data is the folder"):
        read_labelled_applications(tmp_path / "application_train.csv")


def test_a_row_with_too_few_cells_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "application_train.csv", ROWS, TARGET)
    path.write_text(path.read_text() + "100999,1,Cash loans\n")
    with pytest.raises(BadApplicationsFile, match=r"application_train\.csv"):
        read_labelled_applications(path)


def test_one_class_alone_teaches_nothing(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "application_train.csv", ROWS, [0] * 40)
    with pytest.raises(BadApplicationsFile, match="one class only"):
        read_labelled_applications(path)


def test_no_rows_are_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "application_train.csv", [], [])
    with pytest.raises(BadApplicationsFile, match="no rows"):
        read_labelled_applications(path)
