"""What the gate found, as sentences for a person and as a document for the snapshot's manifest."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from feature_service.quality.errors import GateRefused
from feature_service.quality.vocabulary import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken expectation.

    Attributes
    ----------
    column
        The column or columns it is about, "columns" for the schema, "every column" for whole rows.
    observed, wanted
        Counts and share that were found, and the share that is accepted.
    mend
        What to do about it.
    """

    table: str
    column: str
    expectation: str
    severity: Severity
    observed: str
    wanted: str
    mend: str

    @property
    def is_critical(self) -> bool:
        """True if it stops the build."""
        return self.severity is Severity.CRITICAL

    @property
    def sentence(self) -> str:
        """All of it, in words."""
        return (
            f"{self.table}, {self.column}: expected that {self.expectation}; against it: {self.observed}."
            f" {self.mend}."
        )


@dataclass(frozen=True, slots=True)
class TableSummary:
    """A table in numbers: its rows, and each column's share of missing values, lowest and highest value.

    Attributes
    ----------
    expectations
        How many were checked; 0 for a table that is not there.
    """

    table: str
    rows: int | None
    expectations: int
    missing: dict[str, float]
    ranges: dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class GateReport:
    """The gate's verdict.

    Attributes
    ----------
    passed
        False if anything is critical; then nothing may be built.
    html
        The first page of the Data Docs, if they were asked for.
    """

    passed: bool
    critical: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    html: Path | None
    tables: dict[str, TableSummary]

    def require_passed(self) -> GateReport:
        """Return the report itself, or raise `GateRefused` with every critical sentence."""
        if not self.passed:
            raise GateRefused("\n".join(finding.sentence for finding in self.critical))
        return self

    def as_document(self) -> dict[str, Any]:
        """The report as JSON types. Holds no path, so that the same tables give the same document."""
        return {
            "passed": self.passed,
            "critical": [_document(finding) for finding in self.critical],
            "warnings": [_document(finding) for finding in self.warnings],
            "tables": {
                name: {
                    "rows": table.rows,
                    "expectations": table.expectations,
                    "missing": table.missing,
                    "ranges": {column: list(ends) for column, ends in table.ranges.items()},
                }
                for name, table in self.tables.items()
            },
        }


def _document(finding: Finding) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(finding).items()}
