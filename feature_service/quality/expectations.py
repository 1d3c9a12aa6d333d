"""From what a suite says and how many rows there are to what is expected of each fact.

Every expectation has one form: at most this share of what was checked may break it. A share that is
usual in the published data is widened by what chance does to a small sample. Pure; called by `gate`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from contracts.fields import Kind
from feature_service.quality.facts import REPEATED_ROWS, SHARED_APPLICANTS, WHOLE_TABLE, TableFacts
from feature_service.quality.suites.application import APPLICATION_TEST, CATEGORIES
from feature_service.quality.vocabulary import Column, Key, Reference, Rule, Severity, TableSuite

_CRITICAL: Final = Severity.CRITICAL
_WARNING: Final = Severity.WARNING

#: A column of the published data that is missing this rarely counts as always there ...
_ALWAYS_THERE: Final = 0.05
#: ... and losing half of it is not chance.
_HALF_LOST: Final = 0.5
#: A subset of rows, chosen by anything, moves a usual share by this much without being wrong.
_SUBSET_SLACK: Final = 0.15
#: What is usually always there may be missing in one row of a hundred.
_RARELY: Final = 0.01
#: More values out of bounds, or unknown categories, than these mean another column or unit.
_OUT_OF_BOUNDS: Final = 0.05
_MOSTLY_UNKNOWN: Final = 0.5
#: Keys with a parent must be at least this share of what chance alone would give ...
_FOUND_BY_CHANCE: Final = 0.3
#: ... once chance alone would give this many.
_CHANCE_SAYS_SOMETHING_FROM: Final = 100
#: Repeated rows in a table without a key: a few happen, a file appended to itself is half.
_ROWS_REPEATED, _FILE_REPEATED = 0.01, 0.3
#: A category of one applicant in five hundred may be missing from a small train table.
_NEW_CATEGORY: Final = 0.002


@dataclass(frozen=True, slots=True)
class Expect:
    """One expectation about one fact.

    Attributes
    ----------
    section, fact
        Where the fact stands in `TableFacts`.
    columns
        The columns it is about, as text for a reader.
    says
        What is expected, as a sentence without a full stop.
    severity
        What a broken one does.
    most
        The largest share that is accepted, in [0, 1].
    mend
        What to do if it is broken.
    """

    section: str
    fact: str
    columns: str
    says: str
    severity: Severity
    most: float
    mend: str


def expectations(suite: TableSuite, facts: TableFacts) -> list[Expect]:
    """All expectations of the suite about facts that were counted."""
    expected = list(_of_table(suite))
    for column in suite.columns:
        expected += _of_column(column, facts)
    expected += _of_key(suite.key) if suite.key else _of_rows()
    for reference in suite.references:
        expected += _of_reference(reference, facts)
    for rule in suite.rules:
        expected += _of_rule(rule, facts)
    if suite is APPLICATION_TEST:
        expected += _of_train_and_test(facts)
    return [expect for expect in expected if facts.get(expect.section, expect.fact) is not None]


def widened(share: float, checked: int) -> float:
    """The share plus three standard errors of a sample of that size, at most 1."""
    if checked <= 0 or share >= 1:
        return 1.0
    return min(1.0, share + 3 * math.sqrt(share * (1 - share) / checked))


# fmt: off
def _of_table(suite: TableSuite) -> Iterator[Expect]:
    yield Expect(WHOLE_TABLE, "empty", "every column", "the table has rows", _CRITICAL, 0.0,
                 "Export it again, or leave the table out altogether")
    yield Expect(WHOLE_TABLE, "lacking", "columns",
                 f"the file has the {len(suite.columns)} columns of {suite.name}", _CRITICAL, 0.0,
                 "Check the delimiter, the header and that this is the right file")
    yield Expect(WHOLE_TABLE, "extra", "columns", "the file has no further columns", _WARNING, 0.0,
                 "Nothing uses them; if one was renamed, give it back its name")


def _of_column(column: Column, facts: TableFacts) -> Iterator[Expect]:
    name = column.name
    what = "text" if column.kind is Kind.CATEGORY else "numbers"
    yield Expect(name, "there", name, "the column is there", _CRITICAL, 0.0,
                 "Export it too, or give it back its name")
    yield Expect(name, "type", name, f"it holds {what}", _CRITICAL, 0.0,
                 "Export it with the declared type; look for shifted columns")
    yield from _of_missing(column, facts)
    yield from _of_categories(name) if column.kind is Kind.CATEGORY else _of_numbers(column, facts)


def _of_missing(column: Column, facts: TableFacts) -> Iterator[Expect]:
    name = column.name
    if column.is_identifier:
        yield Expect(name, "missing", name, "it is never missing", _CRITICAL, 0.0,
                     "A row without its key belongs to nobody: remove it or find the key")
        return
    checked = _checked(facts, name, "missing")
    slack = _SUBSET_SLACK if column.missing > _RARELY else _RARELY
    most = widened(min(1.0, column.missing + slack), checked)
    usual = f"usually {_percent(column.missing)}" if column.missing else "usually never"
    if most < 1:
        yield Expect(name, "missing", name, f"at most {_percent(most)} is missing ({usual})", _WARNING, most,
                     "Check whether the source of this column was cut off")
    if column.missing <= _ALWAYS_THERE:
        yield Expect(name, "missing", name, f"it is there in most rows (missing {usual})", _CRITICAL,
                     widened(_HALF_LOST, checked),
                     "Most of a column that is nearly always there was lost: export it again")


def _of_categories(name: str) -> Iterator[Expect]:
    yield Expect(name, "unknown", name, "every category is a known one", _WARNING, 0.0,
                 "It is treated as missing; if it is right, add it to the suite and to the contract")
    yield Expect(name, "unknown", name, "most rows have a known category", _CRITICAL, _MOSTLY_UNKNOWN,
                 "Check spelling, encoding and whether columns were shifted")


def _of_numbers(column: Column, facts: TableFacts) -> Iterator[Expect]:
    name = column.name
    bounds = f"between {column.low:,.12g} and {column.high:,.12g}"
    bounds += f", or {column.sentinel:.0f}" if column.sentinel is not None else ""
    yield Expect(name, "outside", name, f"every value is {bounds}", _WARNING, 0.0,
                 "Look at these rows: a unit, a sign or a sentinel may have changed")
    yield Expect(name, "outside", name, f"nearly every value is {bounds}", _CRITICAL,
                 widened(_OUT_OF_BOUNDS, _checked(facts, name, "outside")),
                 "A unit, a sign or a sentinel has changed: mend the export")
    yield Expect(name, "infinite", name, "no value is infinite", _CRITICAL, 0.0,
                 "Find the division by zero upstream and export a missing value instead")
    yield Expect(name, "nan", name, "a missing value is empty, not NaN", _WARNING, 0.0,
                 "They count as missing here; export NULL, since an average over NaN is NaN")
    yield Expect(name, "fractions", name, "every value is a whole number", _WARNING, 0.0,
                 "Check whether the column was scaled or averaged")
    yield Expect(name, "constant", name, "its values differ", _WARNING, 0.0,
                 "A constant tells no applicants apart: check the export")


def _of_key(key: Key) -> Iterator[Expect]:
    columns = ", ".join(key.columns)
    mend = "Remove the repeated rows: their amounts and counts would be doubled"
    if key.refused == 0:
        yield Expect(key.name, "repeated", columns, f"{columns} names one row", _CRITICAL, 0.0, mend)
        return
    yield Expect(key.name, "repeated", columns, f"{columns} names one row", _WARNING, 0.0, mend)
    yield Expect(key.name, "repeated", columns, f"{columns} nearly always names one row", _CRITICAL,
                 key.refused, mend)


def _of_rows() -> Iterator[Expect]:
    yield Expect(REPEATED_ROWS, "repeated", "every column", "hardly a row is repeated", _WARNING,
                 _ROWS_REPEATED, "Check whether two exports overlap")
    yield Expect(REPEATED_ROWS, "repeated", "every column", "most rows are not repeated", _CRITICAL,
                 _FILE_REPEATED, "Remove the repeated rows: their amounts and counts would be doubled")


def _of_reference(reference: Reference, facts: TableFacts) -> Iterator[Expect]:
    name, column, parents = reference.name, reference.column, " or ".join(reference.parents)
    most = widened(reference.usual + _SUBSET_SLACK, _checked(facts, name, "orphans"))
    yield Expect(name, "orphans", column, f"at most {_percent(most)} of its keys are not in {parents}"
                 f" (usually {_percent(reference.usual)})", _WARNING, most,
                 f"Normal if {parents} is a subset; otherwise the files are of different dates")
    mend = "The numbers do not belong together: check the keys of both files"
    yield Expect(name, "disjoint", column, f"some of its keys are in {parents}", _CRITICAL, 0.0, mend)
    if _checked(facts, name, "unexplained") >= _CHANCE_SAYS_SOMETHING_FROM:
        yield Expect(name, "unexplained", column, f"as many of its keys are in {parents}"
                     " as two subsets drawn by chance would share", _CRITICAL, 1 - _FOUND_BY_CHANCE, mend)


def _of_rule(rule: Rule, facts: TableFacts) -> Iterator[Expect]:
    checked = _checked(facts, rule.name, "broken")
    columns = ", ".join(rule.columns[:4]) + (" ..." if len(rule.columns) > 4 else "")
    yield Expect(rule.name, "broken", columns, rule.says, _WARNING, widened(rule.tolerated, checked),
                 "Look at these rows; features that rely on it may mislead")
    yield Expect(rule.name, "broken", columns, f"in most rows {rule.says}", _CRITICAL,
                 widened(rule.refused, checked),
                 "The columns no longer mean what they did: mend the export")


def _of_train_and_test(facts: TableFacts) -> Iterator[Expect]:
    yield Expect(SHARED_APPLICANTS, "shared", "SK_ID_CURR", "no applicant is also in application_train",
                 _CRITICAL, 0.0, "Remove the applicant from one of the two files")
    for name in CATEGORIES:
        yield Expect(name, "new", name, "its categories are in application_train too", _WARNING,
                     widened(_NEW_CATEGORY, _checked(facts, name, "new")),
                     "The model has never seen this category: it scores it as missing")
# fmt: on


def _checked(facts: TableFacts, section: str, name: str) -> int:
    fact = facts.get(section, name)
    return fact.checked if fact else 0


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
