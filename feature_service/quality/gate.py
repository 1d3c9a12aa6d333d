"""The quality gate: eight tables in, a verdict and Data Docs out. Runs before any feature is built.

DuckDB counts, one scan per table for all that concerns single rows and a narrow one per key; Great
Expectations judges the counts. Called by the feature build and by `scorestream quality`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb

from feature_service.quality.errors import UnknownTable
from feature_service.quality.expectations import expectations
from feature_service.quality.facts import TableFacts
from feature_service.quality.measure import measure
from feature_service.quality.relations import compare_applications, count_orphans, count_repeated
from feature_service.quality.report import Finding, GateReport, TableSummary
from feature_service.quality.source import Source, open_source
from feature_service.quality.suites import APPLICATIONS, SUITES
from feature_service.quality.vocabulary import Severity

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

#: Called with what is being done, steps done and all steps.
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class _Tables:
    """What is known while the gate runs."""

    sources: dict[str, Source] = field(default_factory=dict)
    facts: dict[str, TableFacts] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    summaries: dict[str, TableSummary] = field(default_factory=dict)


def run_gate(
    parquet: Mapping[str, Path],
    *,
    docs_dir: Path | None,
    progress: Progress | None = None,
    memory_limit: str = "4GB",
    threads: int = 2,
) -> GateReport:
    """Return what is wrong with the tables, and whether features may be built from them.

    Parameters
    ----------
    parquet
        Table name → Parquet file or glob of them (a name that ends in .csv or .csv.gz is read as
        CSV). A table that is not named is reported as a warning; without both application tables
        the gate refuses.
    docs_dir
        Folder for the Data Docs, made if needed; None for none.
    memory_limit
        What DuckDB may hold before it writes to disk; the process adds about 500 MB.

    Raises
    ------
    UnknownTable
        For a name that is none of the eight tables. Whatever is wrong with a table's content, or
        with reading it, is a finding instead.
    """
    unknown = sorted(set(parquet) - set(SUITES))
    if unknown:
        raise UnknownTable(f"no table is called {', '.join(unknown)}; there are {', '.join(SUITES)}")
    steps = _Steps(progress, 2 * len(parquet) + 1)
    tables = _Tables()
    tables.findings += _absent(parquet)
    with _connected(memory_limit, threads) as connection:
        for name in SUITES:
            if name in parquet:
                steps.next(f"counting {name}")
                _count(connection, name, parquet[name], tables)
        _relate(connection, tables, steps)
    steps.next("judging")
    results = _judge(tables)
    return _report(tables, results, docs_dir)


def _absent(given: Mapping[str, Path]) -> Iterator[Finding]:
    for name in SUITES:
        if name in given:
            continue
        is_needed = not any(application in given for application in APPLICATIONS)
        is_critical = name in APPLICATIONS and is_needed
        yield Finding(
            table=name,
            column="every column",
            expectation="the table is there",
            severity=Severity.CRITICAL if is_critical else Severity.WARNING,
            observed="no file",
            wanted="one file",
            mend="At least one application table is needed"
            if is_critical
            else "Features made from it will be missing for everybody",
        )


def _count(connection: duckdb.DuckDBPyConnection, name: str, path: Path, tables: _Tables) -> None:
    try:
        source = open_source(connection, SUITES[name], path)
        facts = measure(connection, source)
        count_repeated(connection, source, facts)
    except duckdb.OutOfMemoryException:
        raise  # a matter of settings, not of the rows
    except duckdb.Error as error:
        tables.findings.append(_unreadable(name, path, error))
        return
    tables.sources[name], tables.facts[name] = source, facts


def _unreadable(name: str, path: Path, error: duckdb.Error) -> Finding:
    reason = " ".join(str(error).split())[:300]
    return Finding(
        table=name,
        column="every column",
        expectation="its file can be read to the end",
        severity=Severity.CRITICAL,
        observed=f"{path.name}: {reason}",
        wanted="a whole file",
        mend="The file is missing, cut off or of another format: fetch or export it again",
    )


def _relate(connection: duckdb.DuckDBPyConnection, tables: _Tables, steps: _Steps) -> None:
    for name, source in tables.sources.items():
        steps.next(f"looking up parents of {name}")
        for reference in source.suite.references:
            count_orphans(connection, reference, source, tables.facts[name], tables.sources)
    compare_applications(connection, tables.sources, tables.facts)


def _judge(tables: _Tables) -> dict[str, ExpectationSuiteValidationResult]:
    from feature_service.quality.judge import Judge  # noqa: PLC0415 - Great Expectations takes seconds to import

    judge = Judge()
    results = {}
    for name, facts in tables.facts.items():
        expected = expectations(SUITES[name], facts)
        findings, results[name] = judge.judge(facts, expected)
        tables.findings += findings
        tables.summaries[name] = _summary(facts, len(expected))
    return results


def _summary(facts: TableFacts, expected: int) -> TableSummary:
    missing = {
        column.name: round(fact.share, 6)
        for column in SUITES[facts.table].columns
        if (fact := facts.get(column.name, "missing")) is not None
    }
    return TableSummary(facts.table, facts.rows, expected, missing, facts.ranges)


def _report(tables: _Tables, results: Mapping[str, Any], docs_dir: Path | None) -> GateReport:
    in_order = sorted(tables.findings, key=lambda finding: list(SUITES).index(finding.table))
    critical = tuple(finding for finding in in_order if finding.is_critical)
    warnings = tuple(finding for finding in in_order if not finding.is_critical)
    summaries = {name: tables.summaries.get(name, TableSummary(name, None, 0, {}, {})) for name in SUITES}
    html = None
    if docs_dir is not None:
        from feature_service.quality.data_docs import write_data_docs  # noqa: PLC0415 - as above

        html = write_data_docs(docs_dir, results=results, findings=in_order, summaries=summaries)
    return GateReport(not critical, critical, warnings, html, summaries)


@contextmanager
def _connected(memory_limit: str, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    with TemporaryDirectory(prefix="scorestream-quality-") as spill, duckdb.connect() as connection:
        connection.execute("SET temp_directory = $folder", {"folder": spill})
        connection.execute("SET memory_limit = $limit", {"limit": memory_limit})
        connection.execute("SET threads = $threads", {"threads": threads})
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET enable_progress_bar = false")
        yield connection


class _Steps:
    """Counts the steps for whoever watches."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def next(self, doing: str) -> None:
        if self._progress is not None:
            self._progress(doing, min(self._done, self._total), self._total)
        self._done += 1
