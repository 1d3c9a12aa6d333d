"""A table as DuckDB sees it: which columns are there, of which type, and a view to count over.

The view has the suite's columns under their names with every value finite or NULL, and beside them
what that hides: the values as stored, and text that is no number. Called by `gate` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import duckdb

from contracts.fields import Kind
from feature_service.quality.vocabulary import Column, TableSuite

_WHOLE: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_CSV_SUFFIXES: Final = (".csv", ".csv.gz", ".csv.zst")
# The dialect is said, not guessed: a guess makes one wide column of a file with a broken row.
_READ_CSV: Final = "read_csv({}, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"


class Stored(StrEnum):
    """How a column is stored, as far as it matters here."""

    WHOLE = "whole numbers"
    REAL = "numbers"
    TEXT = "text"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class Source:
    """One table, open.

    Attributes
    ----------
    stored
        How each column of the file is stored; for those of the suite and any other.
    is_text
        True for CSV, where every column is text and that says nothing about its type.
    """

    suite: TableSuite
    stored: dict[str, Stored]
    types: dict[str, str]
    is_text: bool

    @property
    def view(self) -> str:
        """The view's name, quoted."""
        return quoted(self.suite.name)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The suite's columns that the file has."""
        return tuple(column for column in self.suite.columns if column.name in self.stored)

    def is_of_another_type(self, column: Column) -> bool:
        """True for text where numbers belong, or the other way round."""
        stored = self.stored[column.name]
        if column.kind is Kind.CATEGORY:
            return stored is not Stored.TEXT
        return stored is Stored.OTHER or (stored is Stored.TEXT and not self.is_text)


def open_source(connection: duckdb.DuckDBPyConnection, suite: TableSuite, path: Path) -> Source:
    """Make the table's view over its file (or glob) and return what the file is.

    Raises
    ------
    duckdb.Error
        If the file cannot be read. CSV is read to its end only when it is counted.
    """
    is_text = path.name.lower().endswith(_CSV_SUFFIXES)
    reader = _READ_CSV if is_text else "read_parquet({})"
    scanned = reader.format(literal(str(path)))
    described = connection.execute(f"DESCRIBE SELECT * FROM {scanned}").fetchall()
    types = {str(row[0]): str(row[1]) for row in described}
    source = Source(suite, {name: _stored(kind) for name, kind in types.items()}, types, is_text)
    selected = [expression for column in source.columns for expression in _selected(source, column)]
    body = ", ".join(selected) or "1 AS nothing"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {source.view} AS SELECT {body} FROM {scanned}")
    return source


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def as_stored(column: Column) -> str:
    """The view's column with NaN and infinities still in it, for columns stored as reals or text."""
    return quoted(f"{column.name}: as stored")


def not_numeric(column: Column) -> str:
    """The view's column with the text that is no number, NULL elsewhere."""
    return quoted(f"{column.name}: not a number")


def _stored(kind: str) -> Stored:
    if kind.removeprefix("U") in _WHOLE or kind == "BOOLEAN":
        return Stored.WHOLE
    if kind in {"DOUBLE", "FLOAT"} or kind.startswith("DECIMAL"):
        return Stored.REAL
    return Stored.TEXT if kind == "VARCHAR" or kind.startswith("ENUM") else Stored.OTHER


def _selected(source: Source, column: Column) -> list[str]:
    name = quoted(column.name)
    if column.kind is Kind.CATEGORY:
        return [f"CAST({name} AS VARCHAR) AS {name}"]
    stored = source.stored[column.name]
    if stored is Stored.WHOLE:
        value = f"CAST({name} AS INTEGER)" if source.types[column.name] == "BOOLEAN" else name
        return [f"{value} AS {name}"]
    value = f"TRY_CAST({name} AS DOUBLE)"
    # A key as a float would no longer be one above 2^53, and hashes slower.
    usable = f"TRY_CAST({value} AS BIGINT)" if column.is_identifier else value
    selected = [
        f"CASE WHEN isfinite({value}) THEN {usable} END AS {name}",
        f"{value} AS {as_stored(column)}",
    ]
    if stored in {Stored.TEXT, Stored.OTHER}:
        text = f"CAST({name} AS VARCHAR)"
        selected.append(f"CASE WHEN {value} IS NULL THEN {text} END AS {not_numeric(column)}")
    return selected
