"""The report holds the sample to the published figures, and would notice if it strayed."""

from pathlib import Path

import pandas as pd
import pytest

from training.sample.facts import ALL_TABLES, facts
from training.sample.report import Finding, agreeing_share, compare, render


@pytest.fixture(scope="module")
def findings(folder: Path) -> list[Finding]:
    return compare(folder)


@pytest.mark.parametrize("name", ALL_TABLES)
def test_a_table_agrees_with_the_published_figures(findings: list[Finding], name: str) -> None:
    own = [finding for finding in findings if finding.table == name]
    assert agreeing_share(own) >= 0.98, [finding for finding in own if not finding.is_close]


@pytest.mark.parametrize("name", ALL_TABLES)
def test_every_column_but_the_ids_is_compared(findings: list[Finding], name: str) -> None:
    compared = {finding.column for finding in findings if finding.table == name}
    expected = {column for column in facts().tables[name].columns if not column.startswith("SK_ID_")}
    assert compared == expected | {"(rows)"}


def test_the_markdown_has_a_verdict_for_every_column(findings: list[Finding]) -> None:
    text = render(findings)
    columns = {(finding.table, finding.column) for finding in findings}
    assert text.count("| agrees |") + text.count("| differs |") == len(columns)


def doctored(folder: Path, tmp_path: Path, column: str, values: float | str | None) -> list[Finding]:
    train = pd.read_csv(folder / "application_train.csv")
    train[column] = values
    train.to_csv(tmp_path / "application_train.csv", index=False)
    found = compare(tmp_path, ["application_train"])
    return [finding for finding in found if finding.column == column and not finding.is_close]


def test_a_column_that_lost_its_values_differs(folder: Path, tmp_path: Path) -> None:
    assert "missing" in {finding.figure for finding in doctored(folder, tmp_path, "AMT_CREDIT", None)}


def test_a_column_that_moved_differs(folder: Path, tmp_path: Path) -> None:
    moved = {finding.figure for finding in doctored(folder, tmp_path, "EXT_SOURCE_2", 0.9)}
    assert {"mean", "q50"} <= moved


def test_a_word_that_was_never_published_differs(folder: Path, tmp_path: Path) -> None:
    strange = doctored(folder, tmp_path, "NAME_CONTRACT_TYPE", "Barter")
    assert "unknown words" in {finding.figure for finding in strange}
