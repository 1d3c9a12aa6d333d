from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from feature_service.errors import BadSource
from feature_service.ingest import Ingested, ingest
from tests.history_rows import write_tables


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tables(
        tmp_path / "csv",
        {
            "application_train": [{"SK_ID_CURR": 1}, {"SK_ID_CURR": 2}],
            "bureau": [{"SK_ID_CURR": 1, "SK_ID_BUREAU": 11}, {"SK_ID_CURR": 2, "SK_ID_BUREAU": 12}],
            "installments_payments": [{"SK_ID_CURR": 1}, {"SK_ID_CURR": 2}],
        },
    )


def edited(path: Path, pattern: str, by: str) -> None:
    text = path.read_text(encoding="utf-8")
    changed = re.sub(pattern, by, text, count=1, flags=re.MULTILINE)
    assert changed != text
    path.write_text(changed, encoding="utf-8")


def run(folder: Path, connection: duckdb.DuckDBPyConnection, **options: object) -> Ingested:
    return ingest(folder, folder.parent / "cache", connection, **options)  # type: ignore[arg-type]


def refused(folder: Path, connection: duckdb.DuckDBPyConnection) -> BadSource:
    with pytest.raises(BadSource) as caught:
        run(folder, connection)
    return caught.value


def test_all_rows_arrive_with_declared_types(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    tables = run(folder, connection)
    assert tables.rows["bureau"] == 3
    described = connection.execute(f"DESCRIBE SELECT * FROM '{tables.parquet['bureau']}'").fetchall()
    types = {row[0]: row[1] for row in described}
    assert (types["SK_ID_CURR"], types["AMT_CREDIT_SUM"], types["CREDIT_TYPE"]) == (
        "BIGINT",
        "DOUBLE",
        "VARCHAR",
    )


def test_an_unchanged_file_is_not_converted_again(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    first = run(folder, connection)
    made = first.parquet["bureau"].stat().st_mtime_ns
    assert run(folder, connection).parquet == first.parquet
    assert first.parquet["bureau"].stat().st_mtime_ns == made


def test_a_changed_file_is_converted_again(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    first = run(folder, connection)
    edited(folder / "bureau.csv", "Consumer credit", "Credit card")
    assert run(folder, connection).parquet["bureau"] != first.parquet["bureau"]


def test_columns_in_another_order_give_the_same_rows(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    before = run(folder, connection).parquet["bureau_balance"]
    path = folder / "bureau_balance.csv"
    lines = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(f"{c},{a},{b}\n" for a, b, c in lines), encoding="utf-8")
    after = run(folder, connection).parquet["bureau_balance"]
    both = f"SELECT * FROM '{before}' EXCEPT SELECT * FROM '{after}'"
    assert connection.execute(both).fetchall() == []


def test_extra_columns_are_ignored_and_noted(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    path = folder / "bureau_balance.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line},x{n}\n" for n, line in enumerate(lines)), encoding="utf-8")
    assert run(folder, connection).notes == ("bureau_balance.csv: columns that are not used: x0",)


def test_line_ends_and_a_mark_of_byte_order_do_not_matter(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    path = folder / "bureau.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert run(folder, connection).rows["bureau"] == 3


def test_a_missing_file_is_named_with_the_way_to_do_without(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    (folder / "installments_payments.csv").unlink()
    assert "--allow-missing installments_payments" in str(refused(folder, connection))
    assert run(folder, connection, allow_missing=["installments_payments"]).missing == (
        "installments_payments",
    )


def test_all_missing_files_are_named_at_once(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    for name in ("bureau", "credit_card_balance"):
        (folder / f"{name}.csv").unlink()
    said = str(refused(folder, connection))
    assert "bureau.csv, credit_card_balance.csv" in said
    assert "--allow-missing bureau --allow-missing credit_card_balance" in said


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_packed_file_is_to_be_unpacked(
    folder: Path, connection: duckdb.DuckDBPyConnection, suffix: str
) -> None:
    plain = folder / "bureau.csv"
    packed = gzip.compress(plain.read_bytes())
    plain.unlink()
    plain.with_name(f"bureau.csv{suffix}").write_bytes(packed)
    assert "unpack it" in str(refused(folder, connection))


def test_quoted_fields_are_read_as_they_were_meant(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    edited(folder / "bureau.csv", "Consumer credit", '"Loan, ""other"" kind"')
    found = pq.read_table(run(folder, connection).parquet["bureau"])["CREDIT_TYPE"].to_pylist()
    assert 'Loan, "other" kind' in found


def test_an_infinite_value_is_named_with_its_line(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    edited(folder / "application_train.csv", "500000.0", "inf")
    problem = refused(folder, connection)
    assert (problem.column, problem.line) == ("AMT_CREDIT", 2)


def test_the_applications_can_not_be_left_out(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (folder / "application_train.csv").unlink()
    with pytest.raises(BadSource, match=r"application_train\.csv"):
        run(folder, connection, allow_missing=["application_train"])


def test_a_missing_column_is_named(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    edited(folder / "bureau.csv", "DAYS_CREDIT_UPDATE", "DAYS_UPDATED")
    assert "DAYS_CREDIT_UPDATE" in str(refused(folder, connection))


def test_a_value_of_the_wrong_type_is_named_with_its_line(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    edited(folder / "installments_payments.csv", r"100\.0$", "lots")
    error = refused(folder, connection)
    assert (error.column, error.line) == ("AMT_PAYMENT", 2)
    assert "'lots' is not a number" in str(error)


def test_a_fraction_in_a_whole_number_column_is_named_with_its_line(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    edited(folder / "bureau_balance.csv", r"-1,0$", "-1.5,0")
    error = refused(folder, connection)
    assert (error.column, error.line) == ("MONTHS_BALANCE", 2)


def test_a_whole_number_may_be_written_as_a_float(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    edited(folder / "bureau_balance.csv", r"-1,0$", "-1.0,0")
    assert run(folder, connection).rows["bureau_balance"] == 1


@pytest.mark.parametrize("written", ["inf", "-inf", "nan", "1e300"])
def test_a_value_beyond_all_bounds_is_named_with_its_line(
    folder: Path, connection: duckdb.DuckDBPyConnection, written: str
) -> None:
    edited(folder / "installments_payments.csv", r"100\.0$", written)
    error = refused(folder, connection)
    assert (error.column, error.line) == ("AMT_PAYMENT", 2)


def test_another_delimiter_is_named(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    path = folder / "bureau.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
    assert "semicolon" in str(refused(folder, connection))


def test_a_file_cut_within_a_line_is_refused(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    path = folder / "installments_payments.csv"
    path.write_bytes(path.read_bytes()[:-30])
    assert "cut" in str(refused(folder, connection))


def test_a_file_that_lacks_its_last_line_end_is_noted(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    path = folder / "installments_payments.csv"
    path.write_bytes(path.read_bytes()[:-2])
    assert "may be cut" in run(folder, connection).notes[0]


@pytest.mark.parametrize("kept_lines", [0, 1])
def test_an_empty_table_is_refused(
    folder: Path, connection: duckdb.DuckDBPyConnection, kept_lines: int
) -> None:
    path = folder / "bureau.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:kept_lines]), encoding="utf-8")
    assert refused(folder, connection).file == str(path)


def test_a_doubled_key_is_named_with_its_line(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    path = folder / "bureau.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines, lines[1]]), encoding="utf-8")
    error = refused(folder, connection)
    assert (error.column, error.line) == ("SK_ID_BUREAU", 5)
    assert "SK_ID_BUREAU 11" in str(error)


def test_a_missing_owner_is_named_with_its_line(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    edited(folder / "installments_payments.csv", r"^1,2,", "1,,")
    error = refused(folder, connection)
    assert (error.column, error.line) == ("SK_ID_CURR", 3)


def test_an_applicant_in_both_application_files_is_refused(
    folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    edited(folder / "application_test.csv", "1000000", "2")
    assert "applicant 2" in str(refused(folder, connection))
