"""The suites against the published figures of the real data: real rows must pass."""

from __future__ import annotations

import pytest

from contracts.fields import Kind
from feature_service.quality.expectations import expectations
from feature_service.quality.facts import Fact, TableFacts
from feature_service.quality.suites import SUITES
from feature_service.quality.vocabulary import Severity
from training.sample.facts import ALL_TABLES, ColumnFacts, facts

COLUMNS = [(table, name) for table in ALL_TABLES for name in facts().tables[table].columns]
every_column = pytest.mark.parametrize(("table", "name"), COLUMNS)
every_table = pytest.mark.parametrize("table", ALL_TABLES)


def published(table: str, name: str) -> ColumnFacts:
    return facts().tables[table].columns[name]


@every_table
def test_a_suite_has_exactly_the_published_columns(table: str) -> None:
    assert {column.name for column in SUITES[table].columns} == set(facts().tables[table].columns)


@every_table
def test_rules_keys_and_references_speak_of_columns_that_exist(table: str) -> None:
    suite = SUITES[table]
    named = {name for rule in suite.rules for name in rule.columns}
    named |= {reference.column for reference in suite.references}
    named |= set(suite.key.columns) if suite.key else set()
    assert named <= {column.name for column in suite.columns}


@every_table
def test_headings_within_a_suite_are_unique(table: str) -> None:
    suite = SUITES[table]
    headings = [rule.name for rule in suite.rules] + [reference.name for reference in suite.references]
    headings += [column.name for column in suite.columns]
    assert len(headings) == len(set(headings))


def test_parents_come_before_their_children() -> None:
    order = list(SUITES)
    for suite in SUITES.values():
        for reference in suite.references:
            assert all(order.index(parent) < order.index(suite.name) for parent in reference.parents)


@every_column
def test_the_published_lowest_and_highest_value_are_in_bounds(table: str, name: str) -> None:
    column, quantiles = SUITES[table].column(name), published(table, name).quantiles
    if column.kind is Kind.CATEGORY:
        assert published(table, name).is_text
        return
    assert column.low is not None
    assert column.high is not None
    assert column.low <= quantiles[0]
    assert quantiles[-1] <= column.high or quantiles[-1] == column.sentinel


@every_column
def test_every_published_category_is_known(table: str, name: str) -> None:
    column = SUITES[table].column(name)
    if column.kind is Kind.CATEGORY:
        assert set(published(table, name).counts) <= set(column.categories)


@every_column
def test_the_published_share_of_missing_values_breaks_nothing(table: str, name: str) -> None:
    rows = facts().tables[table].rows
    missing = round(rows * published(table, name).missing_share)
    counted = TableFacts(table, rows=rows)
    counted.add(name, "missing", Fact(missing, rows))
    for expect in expectations(SUITES[table], counted):
        assert missing / rows <= expect.most, expect.says


@every_table
def test_published_orphans_are_no_finding(table: str) -> None:
    for reference in SUITES[table].references:
        counted = TableFacts(table, rows=1_000_000)
        counted.add(reference.name, "orphans", Fact(round(reference.usual * 100_000), 100_000))
        assert all(expect.most >= reference.usual for expect in expectations(SUITES[table], counted))


@every_table
def test_every_identifier_that_is_missing_is_critical(table: str) -> None:
    for column in SUITES[table].columns:
        if column.is_identifier:
            counted = TableFacts(table, rows=10)
            counted.add(column.name, "missing", Fact(1, 10))
            (expect,) = expectations(SUITES[table], counted)
            assert (expect.severity, expect.most) == (Severity.CRITICAL, 0.0)
