"""The files look as Kaggle's do: names, order, types, encodings."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from training.sample.facts import ALL_TABLES, facts

Table = Callable[[str], pd.DataFrame]


@pytest.mark.parametrize("name", ALL_TABLES)
def test_a_file_has_the_published_columns_in_order(table: Table, name: str) -> None:
    assert list(table(name).columns) == list(facts().tables[name].columns)


@pytest.mark.parametrize("name", ALL_TABLES)
def test_pandas_infers_the_published_type_of_every_column(table: Table, name: str) -> None:
    expected = {column.name: column.dtype for column in facts().tables[name].columns.values()}
    found = {column: str(dtype) for column, dtype in table(name).dtypes.items()}
    assert found == expected


def test_floats_carry_a_point_and_integers_do_not(folder: Path) -> None:
    names, first = (folder / "application_train.csv").read_text().splitlines()[:2]
    row = dict(zip(names.split(","), first.split(","), strict=True))
    assert row["SK_ID_CURR"].isdigit()
    assert row["DAYS_BIRTH"].lstrip("-").isdigit()
    assert "." in row["AMT_CREDIT"]
    assert "." in row["CNT_FAM_MEMBERS"]


def test_only_words_with_a_comma_are_quoted(folder: Path) -> None:
    text = (folder / "application_train.csv").read_text()
    assert '"Spouse, partner"' in text
    assert '"Cash loans"' not in text


@pytest.mark.parametrize("name", ALL_TABLES)
def test_every_word_is_a_published_one(table: Table, name: str) -> None:
    for column in facts().tables[name].columns.values():
        if column.is_text and column.counts:
            assert set(table(name)[column.name].dropna()) <= set(column.counts), column.name


def test_ids_count_up_from_100001_over_train_and_test(applications: pd.DataFrame) -> None:
    assert sorted(applications.SK_ID_CURR) == list(range(100_001, 100_001 + len(applications)))


def test_six_in_seven_applicants_are_in_train(table: Table, applications: pd.DataFrame) -> None:
    assert len(table("application_train")) / len(applications) == pytest.approx(0.863, abs=0.01)
