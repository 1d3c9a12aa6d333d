"""The gate over CSV as downloaded, the pages it writes, and `scorestream quality`."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from feature_service.quality import run_gate
from scorestream.commands.quality import quality
from tests.unit.feature_service.quality.tables import Tables
from training.sample import write_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csv")
    write_sample(folder, applicants=600, seed=4)
    return folder


def test_the_sample_as_csv_passes(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(quality, ["--data", str(folder), "--docs", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "passed: 0 critical" in result.output


def test_a_csv_with_another_delimiter_is_one_critical_finding(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "bureau_balance.csv"
    path.write_text((folder / "bureau_balance.csv").read_text().replace(",", "\x1f"))
    report = run_gate({"bureau_balance": path}, docs_dir=None)
    (finding,) = [finding for finding in report.critical if finding.table == "bureau_balance"]
    assert "the file has '" in finding.observed
    assert "delimiter" in finding.mend


def test_a_csv_cut_off_in_a_row_is_critical(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "bureau.csv"
    text = (folder / "bureau.csv").read_text()
    path.write_text("\n".join(text.splitlines()[:200]) + "\n100001,5000")
    report = run_gate({"bureau": path}, docs_dir=None)
    (finding,) = [finding for finding in report.critical if finding.table == "bureau"]
    assert "bureau.csv" in finding.observed


def test_a_word_in_a_number_column_of_csv_is_critical_and_shown(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "bureau_balance.csv"
    lines = (folder / "bureau_balance.csv").read_text().splitlines()
    name, month, status = lines[5].split(",")
    assert month
    path.write_text("\n".join([*lines[:5], f"{name},last month,{status}", *lines[6:]]) + "\n")
    report = run_gate({"bureau_balance": path}, docs_dir=None)
    (finding,) = [finding for finding in report.critical if finding.column == "MONTHS_BALANCE"]
    assert "'last month'" in finding.observed


class Links(HTMLParser):
    """Everything that a page would fetch or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(value) for name, value in attrs if name in {"src", "href"}]


@pytest.fixture(scope="module")
def pages(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Data Docs over a table with a category that looks like a script."""
    spoilt = tmp_path_factory.mktemp("spoilt")
    text = (folder / "bureau.csv").read_text()
    (spoilt / "bureau.csv").write_text(text.replace("Sold", "<script>alert(1)</script>"))
    docs = tmp_path_factory.mktemp("docs")
    report = run_gate(Tables(bureau=spoilt / "bureau.csv"), docs_dir=docs)
    assert report.html == docs / "index.html"
    return {path.name: path.read_text() for path in docs.iterdir()}


def test_pages_need_nothing_from_outside(pages: dict[str, str]) -> None:
    for page in pages.values():
        links = Links()
        links.feed(page)
        assert set(links.found) <= set(pages)
        assert "<script" not in page
        assert not re.search(r"https?://|@import|url\(", page)


def test_the_first_page_says_the_verdict_and_every_finding(pages: dict[str, str]) -> None:
    assert "refused" in pages["index.html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages["index.html"]
    assert "application_train" in pages["index.html"]


def test_a_table_page_shows_each_expectation_with_its_counts(pages: dict[str, str]) -> None:
    page = pages["bureau.html"]
    assert "no value is infinite" in page
    assert re.search(r"0 of [\d,]+ \(0 %\)", page)
    assert "AMT_CREDIT_SUM" in page


def test_the_command_ends_with_status_1_on_a_critical_finding(folder: Path, tmp_path: Path) -> None:
    header = (folder / "bureau.csv").read_text().splitlines()[0]
    (tmp_path / "bureau.csv").write_text(header + "\n")
    arguments = ["--data", str(tmp_path), "--json", str(tmp_path / "report.json")]
    result = CliRunner().invoke(quality, arguments)
    assert result.exit_code == 1
    assert "critical: bureau, every column: expected that the table has rows" in result.output
    assert json.loads((tmp_path / "report.json").read_text())["passed"] is False
    assert (tmp_path / "quality" / "index.html").exists()


def test_the_command_refuses_a_folder_without_tables(tmp_path: Path) -> None:
    result = CliRunner().invoke(quality, ["--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "none of the tables" in result.output
