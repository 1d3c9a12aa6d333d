"""Counts, in one scan of a table, how often each expectation about its rows is broken.

Called by `gate` with an open source. Values seen in no suite are looked up in a second, narrow scan,
only when there are any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import duckdb

from contracts.fields import Kind
from feature_service.quality.facts import WHOLE_TABLE, Fact, TableFacts
from feature_service.quality.source import Source, Stored, as_stored, literal, not_numeric, quoted
from feature_service.quality.vocabulary import Column, Rule

#: Below this many values, all being equal says nothing.
_CONSTANT_FROM: Final = 1_000
_EXAMPLES: Final = 3


def measure(connection: duckdb.DuckDBPyConnection, source: Source) -> TableFacts:
    """The table's facts: schema, missing, not finite, out of range, unknown, constant, rules.

    Raises
    ------
    duckdb.Error
        If the file breaks off or a row of it cannot be read.
    """
    counted = _scan(connection, source)
    facts = TableFacts(source.suite.name, rows=counted["rows"])
    _schema(source, facts)
    for column in source.columns:
        _column(source, facts, column, counted)
    for column in source.columns:
        _name_the_unknown(connection, source, facts, column)
    for rule in _usable_rules(source):
        broken, checked = counted[f"{rule.name}|broken"], counted[f"{rule.name}|checked"]
        facts.add(rule.name, "broken", Fact(broken, checked))
    return facts


def _scan(connection: duckdb.DuckDBPyConnection, source: Source) -> dict[str, Any]:
    asked = {"rows": "count(*)"}
    for column in source.columns:
        asked.update({f"{column.name}|{name}": sql for name, sql in _aggregates(source, column)})
    for rule in _usable_rules(source):
        asked[f"{rule.name}|checked"] = _count_where(f"({rule.when}) AND ({rule.holds}) IS NOT NULL")
        asked[f"{rule.name}|broken"] = _count_where(f"({rule.when}) AND NOT ({rule.holds})")
    row = connection.execute(f"SELECT {', '.join(asked.values())} FROM {source.view}").fetchone()
    return dict(zip(asked, row or (), strict=True))


def _aggregates(source: Source, column: Column) -> Iterator[tuple[str, str]]:
    name = quoted(column.name)
    yield "filled", f"count({name})"
    if column.kind is Kind.CATEGORY:
        known = ", ".join(literal(value) for value in column.categories)
        yield "unknown", _count_where(f"{name} NOT IN ({known})")
        return
    is_whole = source.stored[column.name] is Stored.WHOLE
    yield "low", f"min({name})"
    yield "high", f"max({name})"
    outside = f"({name} < {column.low!r} OR {name} > {column.high!r})"
    if column.sentinel is not None:
        outside += f" AND {name} <> {column.sentinel!r}"
    yield "outside", _count_where(outside)
    if not is_whole:
        yield "nan", _count_where(f"isnan({as_stored(column)})")
        yield "infinite", _count_where(f"isinf({as_stored(column)})")
        if not column.is_identifier:
            yield "fractions", _count_where(f"{name} <> floor({name})")
    if source.stored[column.name] in {Stored.TEXT, Stored.OTHER}:
        yield "not numeric", f"count({not_numeric(column)})"
        yield "example", f"min({not_numeric(column)})"


def _count_where(condition: str) -> str:
    """Rows in which a condition is true. Hundreds of FILTER clauses take more than twice the CPU time."""
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _usable_rules(source: Source) -> list[Rule]:
    usable = {column.name for column in source.columns if not source.is_of_another_type(column)}
    return [rule for rule in source.suite.rules if usable.issuperset(rule.columns)]


def _schema(source: Source, facts: TableFacts) -> None:
    facts.add(WHOLE_TABLE, "empty", Fact(int(facts.rows == 0), 1, f"{facts.rows:,} rows"))
    wanted = [column.name for column in source.suite.columns]
    lacking = [name for name in wanted if name not in source.stored]
    extra = [name for name in source.stored if name not in set(wanted)]
    facts.absent.update(lacking)
    # Half of the columns lacking is one mistake about the file, not sixty about columns.
    is_another_file = len(lacking) > len(wanted) // 2
    found = f"the file has {_listed(list(source.stored))}"
    facts.add(WHOLE_TABLE, "lacking", Fact(len(lacking) * is_another_file, len(wanted), found))
    if not is_another_file:
        for name in lacking:
            facts.add(name, "there", Fact(1, 1, "no column of that name"))
    facts.add(WHOLE_TABLE, "extra", Fact(len(extra), max(len(source.stored), 1), _listed(extra)))


def _column(source: Source, facts: TableFacts, column: Column, counted: dict[str, Any]) -> None:
    rows = counted["rows"]
    of = {key.partition("|")[2]: value for key, value in counted.items() if key.startswith(f"{column.name}|")}
    not_numbers = of.get("not numeric", 0)
    filled = of["filled"]
    missing = rows - filled - not_numbers - of.get("infinite", 0)
    if source.is_of_another_type(column):
        # A column without a single value has no type of its own; it is missing, not wrong.
        wrong = filled + not_numbers
        facts.add(column.name, "type", Fact(wrong, rows, _types(source, column)))
        if wrong:
            facts.absent.add(column.name)
            return
    facts.add(column.name, "missing", Fact(missing, rows))
    if column.kind is Kind.CATEGORY:
        facts.add(column.name, "unknown", Fact(of["unknown"], filled))
        return
    if source.is_text:
        example = f"for example '{of['example']}'" if not_numbers else ""
        facts.add(column.name, "type", Fact(not_numbers, rows, example))
    _number(facts, column, of, rows)


def _number(facts: TableFacts, column: Column, of: dict[str, Any], rows: int) -> None:
    low, high, filled = of["low"], of["high"], of["filled"]
    spread = ""
    if low is not None:
        facts.ranges[column.name] = (float(low), float(high))
        spread = f"values from {low:,.12g} to {high:,.12g}"
    facts.add(column.name, "outside", Fact(of["outside"], filled, spread if of["outside"] else ""))
    if "infinite" in of:
        facts.add(column.name, "infinite", Fact(of["infinite"], rows))
        facts.add(column.name, "nan", Fact(of["nan"], rows))
    if column.kind is Kind.INTEGER and "fractions" in of:
        facts.add(column.name, "fractions", Fact(of["fractions"], filled))
    if column.has_to_vary and filled >= _CONSTANT_FROM:
        is_constant = low == high
        detail = f"every value is {low:,.12g}" if is_constant else spread
        facts.add(column.name, "constant", Fact(int(is_constant), 1, detail))


def _name_the_unknown(
    connection: duckdb.DuckDBPyConnection, source: Source, facts: TableFacts, column: Column
) -> None:
    unknown = facts.get(column.name, "unknown")
    if unknown is None or unknown.count == 0:
        return
    known = ", ".join(literal(value) for value in column.categories)
    name = quoted(column.name)
    rows = connection.execute(
        f"SELECT {name}, count(*) FROM {source.view} WHERE {name} NOT IN ({known})"
        f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_EXAMPLES}"
    ).fetchall()
    detail = ", ".join(f"'{str(value)[:40]}' in {count:,} rows" for value, count in rows)
    facts.add(column.name, "unknown", Fact(unknown.count, unknown.checked, detail))


def _types(source: Source, column: Column) -> str:
    wanted = "text" if column.kind is Kind.CATEGORY else "a number"
    return f"stored as {source.types[column.name]} instead of {wanted}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name[:80]}'" for name in names[: _EXAMPLES * 2])
    return f"{shown} and {len(names) - _EXAMPLES * 2} more" if len(names) > _EXAMPLES * 2 else shown
