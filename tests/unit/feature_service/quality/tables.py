"""The eight tables of a small sample as Parquet, a way to spoil one of them, and to find what was found."""

from __future__ import annotations

from pathlib import Path

import duckdb

from contracts.fields import Kind
from feature_service.quality import Finding, GateReport, Severity, run_gate
from feature_service.quality.suites import SUITES
from training.sample import write_sample


class Tables(dict[str, Path]):
    """Table name → Parquet file, as `run_gate` takes them."""

    def only(self, *names: str) -> Tables:
        """The named tables alone."""
        return Tables({name: self[name] for name in names})

    def changed(self, table: str, select: str, folder: Path) -> Tables:
        """The same tables, one of them replaced by a SELECT over it; it is called `rows` there."""
        path = folder / f"{table}.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"CREATE VIEW rows AS SELECT * FROM '{self[table]}'")
            connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
        return Tables({**self, table: path})


def sample_as_parquet(folder: Path, *, applicants: int, seed: int) -> Tables:
    """Write a sample as CSV and as Parquet with the declared types."""
    write_sample(folder, applicants=applicants, seed=seed)
    tables = Tables()
    with duckdb.connect() as connection:
        for name, suite in SUITES.items():
            types = {
                column.name: "BIGINT"
                if column.is_identifier
                else "VARCHAR"
                if column.kind is Kind.CATEGORY
                else "DOUBLE"
                for column in suite.columns
            }
            tables[name] = folder / f"{name}.parquet"
            connection.execute(
                f"COPY (SELECT * FROM read_csv('{folder / name}.csv', types = $types))"
                f" TO '{tables[name]}' (FORMAT parquet)",
                {"types": types},
            )
    return tables


def gate(tables: Tables) -> GateReport:
    """The verdict, without pages."""
    return run_gate(tables, docs_dir=None)


def found(report: GateReport, table: str, column: str, severity: Severity) -> Finding:
    """The one finding of that severity about that table and column."""
    every = report.critical if severity is Severity.CRITICAL else report.warnings
    (finding,) = [finding for finding in every if (finding.table, finding.column) == (table, column)]
    assert finding.sentence.startswith(f"{table}, {column}: expected that ")
    return finding
