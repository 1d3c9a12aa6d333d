"""A CSV or Parquet file as applications: one JSON document a row, made by DuckDB in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from contracts.application_fields import FIELDS
from contracts.fields import Kind
from scorestream.batch.row import Row

_ROWS_AT_ONCE: Final = 5_000
_HASH_CHUNK: Final = 1 << 20
_TYPES: Final = {Kind.INTEGER: "DOUBLE", Kind.NUMBER: "DOUBLE", Kind.CATEGORY: "VARCHAR"}


class UnreadableFile(Exception):
    """The file is no table of applications; the message names the column or line, and the mend."""


def file_digest(path: Path) -> str:
    """SHA-256 of the file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def count_rows(path: Path) -> int:
    """Rows of the file."""
    with _database() as database:
        found = _query(database, f"SELECT count(*) FROM {_source(database, path)[0]}").fetchone()
    return int(found[0]) if found else 0


def rows(path: Path) -> Iterator[list[Row]]:
    """The file's applications in its order, some thousands at a time.

    Columns that are no field of an application are left out, as TARGET is. Raises UnreadableFile.
    """
    with _database() as database:
        source, columns = _source(database, path)
        if "SK_ID_CURR" not in columns:
            raise UnreadableFile(f"{path}: there is no column SK_ID_CURR, the applicant's id")
        packed = ", ".join(f"{name} := {_value(name, kind)}" for name, kind in columns.items())
        sql = f"SELECT CAST(SK_ID_CURR AS BIGINT), to_json(struct_pack({packed})) FROM {source}"
        number = 0
        for applicants, documents in _batches(path, database, sql):
            yield [
                Row(number + at, applicant, document.encode())
                for at, (applicant, document) in enumerate(zip(applicants, documents, strict=True))
            ]
            number += len(applicants)


def _batches(
    path: Path, database: duckdb.DuckDBPyConnection, sql: str
) -> Iterator[tuple[list[int], list[str]]]:
    try:
        for batch in database.sql(sql).to_arrow_reader(_ROWS_AT_ONCE):
            yield batch.column(0).to_pylist(), batch.column(1).to_pylist()
    except (duckdb.Error, OSError) as error:
        raise UnreadableFile(f"{path}: {str(error).splitlines()[0]}") from error


def _database() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(config={"threads": 1, "memory_limit": "1GB"})
    database.execute("SET enable_progress_bar = false")  # the command has one of its own
    return database


def _query(database: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    try:
        return database.execute(sql)
    except duckdb.Error as error:
        raise UnreadableFile(str(error).splitlines()[0]) from error


def _source(database: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, dict[str, Kind]]:
    """The FROM clause of the file, and the fields of an application that it has."""
    quoted = "'" + str(path).replace("'", "''") + "'"
    if path.suffix == ".parquet":
        source = f"read_parquet({quoted})"
    else:
        present = _columns(database, f"read_csv({quoted}, header = true, all_varchar = true)")
        typed = ", ".join(
            f"'{field.name}': '{_TYPES[field.kind]}'" for field in FIELDS if field.name in present
        )
        source = f"read_csv({quoted}, header = true, types = {{{typed}}})"
    present = _columns(database, source)
    return source, {field.name: field.kind for field in FIELDS if field.name in present}


def _columns(database: duckdb.DuckDBPyConnection, source: str) -> set[str]:
    return {row[0] for row in _query(database, f"DESCRIBE SELECT * FROM {source}").fetchall()}


def _value(name: str, kind: Kind) -> str:
    # Counts with gaps are written as 3.0; a whole number is sent as one, anything else as it is.
    if kind is Kind.INTEGER:
        return (
            f"CASE WHEN {name} = trunc({name}) THEN to_json(CAST({name} AS BIGINT)) ELSE to_json({name}) END"
        )
    return name
