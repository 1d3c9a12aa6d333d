"""The words that the suites are written in: what a table should look like, readable by risk people.

The modules of `feature_service.quality.suites` are tables of these. Nothing here knows a table, SQL
engine or Great Expectations; `sql` turns the words into queries, `expectations` into expectations.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.fields import Kind

#: Days that stand for "none": about a thousand years.
NO_DAY: Final = 365_243


class Severity(StrEnum):
    """What a broken expectation does; the words are Great Expectations' own."""

    #: Stops the build; nothing is published.
    CRITICAL = "critical"
    #: Recorded in the manifest; the build goes on.
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds.

    Attributes
    ----------
    missing
        Share of rows in which it is usually missing, in [0, 1], as published.
    low, high
        Inclusive bounds of an INTEGER or NUMBER.
    categories
        Every known value of a CATEGORY.
    sentinel
        A value outside the bounds that is allowed: `NO_DAY`.
    is_identifier
        True for a key: it must be there in every row.
    has_to_vary
        True if a thousand equal values in a row can only mean a broken export.
    """

    name: str
    kind: Kind
    missing: float = 0.0
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    sentinel: float | None = None
    is_identifier: bool = False
    has_to_vary: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold between columns of one row.

    Attributes
    ----------
    name, says
        A heading, and the rule as a sentence after "expected that".
    columns
        Columns it reads; the rule is left out if one of them is not usable.
    when, holds
        SQL conditions over one row: which rows it speaks about, and what is true in them. A row in
        which `holds` is neither true nor false keeps the rule.
    tolerated, refused
        A larger share of those rows that break it is a warning, or critical.
    """

    name: str
    says: str
    columns: tuple[str, ...]
    holds: str
    when: str = "true"
    tolerated: float = 0.0
    refused: float = 0.5


@dataclass(frozen=True, slots=True)
class Key:
    """Columns that together name a row.

    Repeated rows are critical above the share `refused` and a warning below it.
    """

    columns: tuple[str, ...]
    refused: float = 0.0

    @property
    def name(self) -> str:
        """Its heading in reports."""
        return "key " + " + ".join(self.columns)


@dataclass(frozen=True, slots=True)
class Reference:
    """A key that should be found in one of the parent tables, under the same name.

    Attributes
    ----------
    usual
        Share of the child's distinct keys without a parent, as published.
    """

    column: str
    parents: tuple[str, ...]
    usual: float = 0.0

    @property
    def name(self) -> str:
        """Its heading in reports."""
        return f"{self.column} → {' or '.join(self.parents)}"


@dataclass(frozen=True, slots=True)
class TableSuite:
    """All that is expected of one table. A table without a key is searched for repeated rows."""

    name: str
    columns: tuple[Column, ...]
    key: Key | None = None
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if the suite has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def identifier(name: str) -> Column:
    """A key column: a whole number in every row."""
    return Column(name, Kind.INTEGER, low=1, high=2**53 - 1, is_identifier=True)


def category(name: str, *categories: str, missing: float = 0.0) -> Column:
    """A column of named values."""
    return Column(name, Kind.CATEGORY, missing, categories=categories)


def count(name: str, high: int, *, missing: float = 0.0, low: int = 0) -> Column:
    """A number of things, from `low` to `high`."""
    return Column(name, Kind.INTEGER, missing, low, high)


def number(name: str, low: float, high: float, *, missing: float = 0.0) -> Column:
    """A number that may well be the same in many rows."""
    return Column(name, Kind.NUMBER, missing, low, high)


def amount(name: str, *, missing: float = 0.0, low: float = 0.0, varies: bool = True) -> Column:
    """An amount of money, up to a billion."""
    return Column(name, Kind.NUMBER, missing, low, 1e9, has_to_vary=varies)


def days(
    name: str, *, missing: float = 0.0, low: int = -43_830, high: int = 0, sentinel: int | None = None
) -> Column:
    """A day counted from the application; negative is the past, 120 years by default."""
    return Column(name, Kind.INTEGER, missing, low, high, sentinel=sentinel, has_to_vary=True)


def missing_together(name: str, *columns: str, tolerated: float = 0.0) -> Rule:
    """The rule that columns are all there or all missing."""
    missing = " + ".join(f"({column} IS NULL)::INTEGER" for column in columns)
    return Rule(
        name=name,
        says=f"{', '.join(columns)} are missing together or not at all",
        columns=columns,
        holds=f"({missing}) IN (0, {len(columns)})",
        tolerated=tolerated,
    )


def at_most(lower: str, upper: str, *, when: str = "true", tolerated: float = 0.01) -> Rule:
    """The rule that one column does not exceed another."""
    return Rule(
        name=f"{lower} ≤ {upper}",
        says=f"{lower} does not exceed {upper}",
        columns=(lower, upper),
        holds=f"{lower} <= {upper}",
        when=when,
        tolerated=tolerated,
    )
