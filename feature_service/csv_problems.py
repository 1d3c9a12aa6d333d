"""What is wrong with a converted file, and in which line of the CSV."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import duckdb

from feature_service.csv_header import Header, count_rows
from feature_service.errors import BadSource
from feature_service.sources import Type

#: Beyond any amount, day or count that means something, and exact in every step of the features.
_LARGEST: Final = 1e12
#: Opens the message of a conversion that met a fraction or an infinity; the column's name follows.
NOT_WHOLE: Final = "not-a-whole-number:"
_LINE: Final = re.compile(r"Line:\s*(\d+)")
_COLUMN: Final = re.compile(r'column "([^"]+)"')
_VALUE: Final = re.compile(r'Could not convert string "([^"]*)"')
_TYPE_WORDS: Final = {Type.WHOLE: "whole number", Type.NUMBER: "number", Type.TEXT: "text"}


def broken_whole(name: str) -> str:
    """The condition that a value of a whole-number column is none."""
    return f'NOT (abs("{name}") <= {_LARGEST}) OR "{name}" <> round("{name}")'


def translated(connection: duckdb.DuckDBPyConnection, error: duckdb.Error, header: Header) -> BadSource:
    """DuckDB's complaint about the CSV in a sentence, with the column's declared type."""
    message = str(error)
    if NOT_WHOLE in message:
        name = message.split(NOT_WHOLE, 1)[1].split(maxsplit=1)[0]
        line_of_value = _line_where(connection, header, broken_whole(name))
        return BadSource(
            "the value is not a whole number", file=str(header.path), column=name, line=line_of_value
        )
    line = _LINE.search(message)
    column, value = _COLUMN.search(message), _VALUE.search(message)
    where = {"file": str(header.path), "line": int(line[1]) if line else None}
    if column and value:
        declared = _TYPE_WORDS[header.source.columns.get(column[1], Type.TEXT)]
        return BadSource(f"{value[1][:40]!r} is not a {declared}", column=column[1], **where)  # type: ignore[arg-type]
    if "Expected Number of Columns" in message:
        expected = len(header.names)
        return BadSource(
            f"the line does not have {expected} columns; is the file cut or differently separated?",
            **where,  # type: ignore[arg-type]
        )
    return BadSource(message.strip().splitlines()[0][:300], **where)  # type: ignore[arg-type]


def find_problem(connection: duckdb.DuckDBPyConnection, header: Header, parquet: Path) -> BadSource | None:
    """The first broken rule of the converted rows, or None: values that are no numbers, ids, keys."""
    return (
        _lost_rows(connection, header, parquet)
        or _bad_value(connection, header, parquet)
        or _doubled_key(connection, header, parquet)
    )


def _lost_rows(connection: duckdb.DuckDBPyConnection, header: Header, parquet: Path) -> BadSource | None:
    """A reader that takes a file for another dialect may end early and say nothing: count for oneself."""
    found = connection.execute(f"SELECT count(*) FROM '{_quoted(parquet)}'").fetchone() or (0,)
    expected = count_rows(header.path)
    if found[0] == expected:
        return None
    return BadSource(
        f"{found[0]} rows could be read of {expected} lines; are there empty lines or mixed line ends?",
        file=str(header.path),
    )


def _bad_value(connection: duckdb.DuckDBPyConnection, header: Header, parquet: Path) -> BadSource | None:
    source = header.source
    rules = {
        name: (
            f'NOT (abs("{name}") <= {_LARGEST})',
            "the value is infinite, not a number or beyond all bounds",
        )
        for name, kind in source.columns.items()
        if kind is not Type.TEXT
    }
    empties = {name: (f'"{name}" IS NULL', "the value is missing") for name in source.never_empty}
    for checks in (rules, empties):
        counted = ", ".join(f"count(*) FILTER ({rule})" for rule, _ in checks.values())
        found = connection.execute(f"SELECT {counted} FROM '{_quoted(parquet)}'").fetchone() or ()
        for (name, (rule, problem)), count in zip(checks.items(), found, strict=True):
            if count:
                return BadSource(
                    problem, file=str(header.path), column=name, line=_line_where(connection, header, rule)
                )
    return None


def _doubled_key(connection: duckdb.DuckDBPyConnection, header: Header, parquet: Path) -> BadSource | None:
    key = header.source.key
    if not key:
        return None
    names = ", ".join(f'"{name}"' for name in key)
    first = connection.execute(
        f"SELECT {names} FROM '{_quoted(parquet)}' GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1"
    ).fetchone()
    if first is None:
        return None
    values = ", ".join(f"{name} {value}" for name, value in zip(key, first, strict=True))
    rule = " AND ".join(f'"{name}" = {value}' for name, value in zip(key, first, strict=True))
    return BadSource(
        f"the key {values} is there more than once",
        file=str(header.path),
        column=" + ".join(key),
        line=_line_where(connection, header, rule, nth=2),
    )


def _line_where(
    connection: duckdb.DuckDBPyConnection, header: Header, rule: str, *, nth: int = 1
) -> int | None:
    """Line of the nth row of the CSV that fits the rule; the header is line 1."""
    reader = header.reader(extra=", parallel=false")
    try:
        found = connection.execute(
            f"SELECT line FROM (SELECT row_number() OVER () + 1 AS line, * FROM {reader}) "
            f"WHERE {rule} ORDER BY line LIMIT 1 OFFSET {nth - 1}"
        ).fetchone()
    except duckdb.Error:
        return None
    return int(found[0]) if found else None


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
