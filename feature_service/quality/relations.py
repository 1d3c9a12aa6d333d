"""Counts what one row cannot show: repeated keys, children without a parent, train against test.

Each count reads the key columns only. Called by `gate` after the tables are measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import duckdb

from feature_service.quality.facts import REPEATED_ROWS, SHARED_APPLICANTS, Fact, TableFacts
from feature_service.quality.source import Source, quoted
from feature_service.quality.suites.application import APPLICATION_TEST, APPLICATION_TRAIN, CATEGORIES
from feature_service.quality.vocabulary import Key, Reference

#: Tables without a key are searched for repeated rows in every sixteenth loan, if they are large.
_SAMPLED_FROM: Final = 1_000_000
_ONE_LOAN_IN: Final = 16
#: Two subsets of so many keys each share a few by chance, whatever they were drawn from.
_SHARES_SOME_FROM: Final = 5_000
#: A train table smaller than this lacks rare categories by chance.
_KNOWS_CATEGORIES_FROM: Final = 1_000


def count_repeated(connection: duckdb.DuckDBPyConnection, source: Source, facts: TableFacts) -> None:
    """Add how many rows repeat a key or, without a key, a whole row."""
    key = source.suite.key
    if key is None:
        _count_repeated_rows(connection, source, facts)
    elif not facts.absent.intersection(key.columns):
        _count_repeated_keys(connection, source, facts, key)


def count_orphans(
    connection: duckdb.DuckDBPyConnection,
    reference: Reference,
    child: Source,
    facts: TableFacts,
    parents: Mapping[str, Source],
) -> None:
    """Add how many distinct keys of the child have no parent, if any parent table is there and has the key.

    `unexplained` compares the keys found with those that would be found by chance if both tables were
    independent draws from one range of numbers. So a child of a few of many parents is no surprise,
    while numbers that went wrong find next to none.
    """
    there = [
        parent
        for name in reference.parents
        if (parent := parents.get(name)) is not None and reference.column in parent.stored
    ]
    if not there or reference.column in facts.absent:
        return
    name = quoted(reference.column)
    union = " UNION ".join(f"SELECT {name} AS id FROM {parent.view}" for parent in there)
    row = connection.execute(
        f"WITH parent AS (SELECT DISTINCT id FROM ({union}) WHERE id IS NOT NULL),"
        f" child AS (SELECT DISTINCT {name} AS id FROM {child.view} WHERE {name} IS NOT NULL)"
        " SELECT count(*), count(*) FILTER (id IN (SELECT id FROM parent)), min(id), max(id),"
        " (SELECT count(*) FROM parent), (SELECT min(id) FROM parent), (SELECT max(id) FROM parent)"
        " FROM child"
    ).fetchone()
    keys, found, low, high, parent_keys, parent_low, parent_high = row or (0,) * 7
    facts.add(reference.name, "orphans", Fact(keys - found, keys))
    if min(keys, parent_keys) >= _SHARES_SOME_FROM:
        detail = f"{found:,} of {keys:,} keys have a parent"
        facts.add(reference.name, "disjoint", Fact(int(found == 0), 1, detail))
    if keys and parent_keys:
        span = max(high, parent_high) - min(low, parent_low) + 1
        by_chance = round(keys * parent_keys / span)
        detail = f"{found:,} keys have a parent, {by_chance:,} would by chance alone"
        facts.add(reference.name, "unexplained", Fact(max(by_chance - found, 0), by_chance, detail))


def compare_applications(
    connection: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], facts: Mapping[str, TableFacts]
) -> None:
    """Add to the test applications what they share with train and must not, and what train never saw."""
    train, test = sources.get(APPLICATION_TRAIN.name), sources.get(APPLICATION_TEST.name)
    if train is None or test is None:
        return
    own = facts[APPLICATION_TEST.name]
    unusable = own.absent | facts[APPLICATION_TRAIN.name].absent
    if "SK_ID_CURR" not in unusable:
        own.add(SHARED_APPLICANTS, "shared", _shared(connection, train, test))
    usable = [name for name in CATEGORIES if name not in unusable]
    if usable and (facts[APPLICATION_TRAIN.name].rows or 0) >= _KNOWS_CATEGORIES_FROM:
        known, seen = _categories(connection, train, usable), _categories(connection, test, usable)
        for name in usable:
            own.add(name, "new", _new_categories(known[name], seen[name]))


def _count_repeated_keys(
    connection: duckdb.DuckDBPyConnection, source: Source, facts: TableFacts, key: Key
) -> None:
    columns = ", ".join(quoted(name) for name in key.columns)
    there = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in key.columns)
    row = connection.execute(
        "SELECT coalesce(sum(n), 0)::BIGINT, coalesce(sum(n - 1), 0)::BIGINT, coalesce(max(n), 0)"
        f" FROM (SELECT count(*) AS n FROM {source.view} WHERE {there} GROUP BY {columns})"
    ).fetchone()
    rows, repeated, most = row or (0, 0, 0)
    detail = f"one key is in {most:,} rows" if repeated else ""
    facts.add(key.name, "repeated", Fact(int(repeated), int(rows), detail))


def _count_repeated_rows(connection: duckdb.DuckDBPyConnection, source: Source, facts: TableFacts) -> None:
    columns = [quoted(column.name) for column in source.columns]
    if not columns:
        return
    is_large = (facts.rows or 0) >= _SAMPLED_FROM
    one_in = f"WHERE hash({columns[0]}) % {_ONE_LOAN_IN} = 0" if is_large else ""
    row = connection.execute(
        f"SELECT count(*), count(DISTINCT hash({', '.join(columns)})) FROM {source.view} {one_in}"
    ).fetchone()
    rows, distinct = row or (0, 0)
    facts.add(REPEATED_ROWS, "repeated", Fact(rows - distinct, rows))


def _shared(connection: duckdb.DuckDBPyConnection, train: Source, test: Source) -> Fact:
    row = connection.execute(
        f"SELECT count(*) FILTER (SK_ID_CURR IN (SELECT SK_ID_CURR FROM {train.view})), count(*)"
        f" FROM {test.view}"
    ).fetchone()
    shared, rows = row or (0, 0)
    return Fact(shared, rows)


def _categories(
    connection: duckdb.DuckDBPyConnection, source: Source, columns: list[str]
) -> dict[str, dict[str, int]]:
    """Each column's categories and their rows, in one scan."""
    asked = ", ".join(f"histogram({quoted(name)})" for name in columns)
    row = connection.execute(f"SELECT {asked} FROM {source.view}").fetchone() or ()
    return {name: categories or {} for name, categories in zip(columns, row, strict=True)}


def _new_categories(known: Mapping[str, int], seen: Mapping[str, int]) -> Fact:
    new = sorted(((rows, name) for name, rows in seen.items() if name not in known), reverse=True)
    detail = ", ".join(f"'{name[:40]}' in {rows:,} rows" for rows, name in new[:3])
    return Fact(sum(rows for rows, _ in new), sum(seen.values()), detail)
