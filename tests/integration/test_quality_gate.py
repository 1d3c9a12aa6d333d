"""The gate over real Parquet with DuckDB and Great Expectations: what passes, and what is no table."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from feature_service.quality import Severity, UnknownTable, run_gate
from feature_service.quality.suites import SUITES
from tests.unit.feature_service.quality.tables import Tables, found, gate, sample_as_parquet

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return sample_as_parquet(tmp_path_factory.mktemp("quality"), applicants=4_000, seed=11)


def test_the_whole_sample_passes_without_a_warning(tables: Tables) -> None:
    report = gate(tables)
    assert [finding.sentence for finding in (*report.critical, *report.warnings)] == []
    assert report.passed
    assert report.html is None
    assert all(summary.expectations > 0 for summary in report.tables.values())
    assert (
        json.loads(json.dumps(report.as_document()))["tables"]["bureau"]["rows"]
        == report.tables["bureau"].rows
    )


def test_a_few_rows_of_every_table_pass(tables: Tables, tmp_path: Path) -> None:
    some = tables
    for name in SUITES:
        some = some.changed(name, "SELECT * FROM rows USING SAMPLE 40 ROWS (reservoir, 5)", tmp_path)
    report = gate(some)
    assert report.critical == ()


def test_all_history_of_a_few_applicants_passes(tables: Tables, tmp_path: Path) -> None:
    some = tables.changed("application_train", "SELECT * FROM rows WHERE SK_ID_CURR % 20 = 0", tmp_path)
    report = gate(some.only("application_train", "bureau", "bureau_balance"))
    assert report.critical == ()
    assert "not in application_train" in found(report, "bureau", "SK_ID_CURR", WARNING).expectation


def test_a_table_that_is_not_there_is_a_warning(tables: Tables) -> None:
    report = gate(tables.only("application_test"))
    assert report.passed
    missing = {finding.table for finding in report.warnings if finding.expectation == "the table is there"}
    assert missing == set(SUITES) - {"application_test"}


def test_no_application_table_at_all_is_critical(tables: Tables) -> None:
    report = gate(tables.only("bureau_balance"))
    assert {finding.table for finding in report.critical} == {"application_train", "application_test"}


def test_a_name_that_is_no_table_is_refused(tables: Tables) -> None:
    with pytest.raises(UnknownTable, match="burro"):
        run_gate({"burro": tables["bureau"]}, docs_dir=None)


def test_a_file_cut_off_is_critical(tables: Tables, tmp_path: Path) -> None:
    path = tmp_path / "bureau.parquet"
    whole = tables["bureau"].read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    finding = found(gate(Tables(bureau=path)), "bureau", "every column", CRITICAL)
    assert "bureau.parquet" in finding.observed


def test_a_file_that_is_not_there_is_critical(tmp_path: Path) -> None:
    found(gate(Tables(bureau=tmp_path / "bureau.parquet")), "bureau", "every column", CRITICAL)


def test_several_files_of_a_table_are_one_table(tables: Tables, tmp_path: Path) -> None:
    for part in (0, 1):
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT * FROM '{tables['bureau_balance']}' WHERE SK_ID_BUREAU % 2 = {part})"
                f" TO '{tmp_path}/part-{part}.parquet'"
            )
    whole = gate(tables.only("bureau_balance")).tables["bureau_balance"]
    parts = gate(Tables(bureau_balance=tmp_path / "part-*.parquet")).tables["bureau_balance"]
    assert parts == whole


def test_progress_rises_to_the_last_step(tables: Tables) -> None:
    steps: list[tuple[int, int]] = []
    run_gate(
        tables.only("bureau_balance"),
        docs_dir=None,
        progress=lambda _, done, total: steps.append((done, total)),
    )
    assert [done for done, _ in steps] == list(range(len(steps)))
    assert all(done < total for done, total in steps)
