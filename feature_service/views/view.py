"""The words that feature views are written in.

A view has rows (one per credit, month, instalment), named columns on them, and features: a measure
over an applicant's rows, or one feature over another. All is declared, nothing computed here;
`feature_service.views.compile` makes the Ibis expression.

Measures add up whole numbers only, so the order of rows never shows in a result: a column has a
`scale`, and its values are rounded to 1/scale before anything is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from feature_service.definitions import FeatureDefinition

if TYPE_CHECKING:
    import ibis.expr.types as ir

Tables = Mapping[str, "ir.Table"]

#: Amounts are kept to a thousandth: the finest that the public files write.
MONEY: Final = 1000
#: Shares and rates are kept to a millionth.
RATE: Final = 1_000_000
#: Days, months, counts are whole.
WHOLE: Final = 1


class Kind(StrEnum):
    """How a measure makes one value of an applicant's rows."""

    EXISTS = "exists"
    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    STD = "std"
    SHARE = "share"
    PART = "part"
    SLOPE = "slope"


#: Without a row to count or add there is nothing, and nothing is 0.
_ZERO_WITHOUT_ROWS: Final = frozenset({Kind.EXISTS, Kind.COUNT, Kind.SUM})


@dataclass(frozen=True, slots=True)
class Column:
    """A named column on a view's rows: what `of` says, from the table's `sources`.

    `is_scaled` says that the rows hold it in steps of 1/scale already.
    """

    name: str
    of: Callable[[ir.Table], Any]
    sources: tuple[str, ...]
    scale: int = WHOLE
    is_scaled: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """An aggregate over an applicant's rows.

    `where` narrows the rows: names of boolean columns joined by " & ". `other` is the second
    column of a PART or SLOPE, the second condition of a SHARE.
    """

    kind: Kind
    column: str = ""
    where: str = ""
    other: str = ""

    def columns(self) -> tuple[str, ...]:
        """The view's columns it reads."""
        conditions = (self.where, self.other) if self.kind is Kind.SHARE else (self.where,)
        names = [name for condition in conditions for name in names_in(condition)]
        others = () if self.kind is Kind.SHARE else (self.other,)
        return tuple(dict.fromkeys(name for name in (self.column, *others, *names) if name))


@dataclass(frozen=True, slots=True)
class Ratio:
    """One feature of the view over another; missing when either is, or when the divisor is 0."""

    numerator: str
    denominator: str


@dataclass(frozen=True, slots=True)
class Feature:
    """One line of a view."""

    name: str
    unit: str
    description: str
    value: Measure | Ratio
    group: str = ""


def money(name: str, source: str) -> Column:
    """An amount, as the table has it."""
    return Column(name, lambda rows: rows[source], (source,), MONEY)


def whole(name: str, source: str) -> Column:
    """A count or a number of days, as the table has it."""
    return Column(name, lambda rows: rows[source], (source,))


def rate(name: str, of: Callable[[ir.Table], Any], *sources: str) -> Column:
    """A share or rate."""
    return Column(name, of, sources, RATE)


def ago(name: str, source: str) -> Column:
    """Days or months before the application, from a column that counts them negative."""
    return Column(name, lambda rows: -rows[source], (source,))


def flag(name: str, of: Callable[[ir.Table], Any], *sources: str) -> Column:
    """A condition on a row."""
    return Column(name, of, sources)


def one_of(name: str, source: str, *values: str) -> Column:
    """Whether the column has one of the values."""
    return Column(name, lambda rows: rows[source].isin(values), (source,))


def within(name: str, source: str, limit: int) -> Column:
    """Whether a column that counts backwards from the application lies at most `limit` back."""
    return Column(name, lambda rows: rows[source] >= -limit, (source,))


def over(numerator: Any, denominator: Any) -> Any:
    """A quotient of two expressions as float64; missing when the divisor is 0."""
    return numerator.cast("float64") / denominator.cast("float64").nullif(0.0)


def only(values: Any, condition: Any) -> Any:
    """The values of the rows that meet the condition, missing for the others; all of them for None.

    What is aggregated under a condition goes through here and not through SQL's FILTER: DuckDB takes
    twice as long for hundreds of those.
    """
    return values if condition is None else condition.ifelse(values, None)


def times(condition: Any) -> Any:
    """How many rows meet the condition."""
    return only(1, condition).count()


def names_in(condition: str) -> tuple[str, ...]:
    """The columns of a condition, without their negations."""
    return tuple(part.strip().removeprefix("not ") for part in condition.split("&") if part.strip())


def exists() -> Measure:
    """1 for who has rows, 0 for who has none."""
    return Measure(Kind.EXISTS)


def count(where: str = "") -> Measure:
    """How many rows."""
    return Measure(Kind.COUNT, where=where)


def total(column: str, where: str = "") -> Measure:
    """Sum of a column, 0 when there is nothing to add."""
    return Measure(Kind.SUM, column, where)


def mean(column: str, where: str = "") -> Measure:
    """Mean of a column's known values."""
    return Measure(Kind.MEAN, column, where)


def largest(column: str, where: str = "") -> Measure:
    """Largest known value."""
    return Measure(Kind.MAX, column, where)


def smallest(column: str, where: str = "") -> Measure:
    """Smallest known value."""
    return Measure(Kind.MIN, column, where)


def spread(column: str, where: str = "") -> Measure:
    """Population standard deviation of the known values."""
    return Measure(Kind.STD, column, where)


def share(where: str, among: str = "") -> Measure:
    """Rows that are `where`, out of those that are `among`."""
    return Measure(Kind.SHARE, where=where, other=among)


def part(column: str, of: str, where: str = "") -> Measure:
    """Sum of one column over the sum of another, on the rows that have both."""
    return Measure(Kind.PART, column, where, of)


def slope(column: str, over: str, where: str = "") -> Measure:
    """Least-squares change of a column per step of `over`; missing with fewer than two steps."""
    return Measure(Kind.SLOPE, column, where, over)


def feature(name: str, unit: str, description: str, value: Measure | Ratio) -> Feature:
    """A line of a view."""
    return Feature(name, unit, description, value)


def in_group(code: str, *features: Feature) -> tuple[Feature, ...]:
    """Lines that an applicant would see as one reason."""
    return tuple(replace(one, group=code) for one in features)


@dataclass(frozen=True, slots=True)
class View:
    """What one table says of an applicant.

    Attributes
    ----------
    tables
        Tables it reads, the one it is named for first. If any of them is missing, so is the view.
    rows
        The rows known at the application, with `SK_ID_CURR` and what `columns` read.
    is_silent_on_absence
        True when an applicant without rows must look like one with a clean history: shares and
        maxima are then 0, not missing (see `feature_service.views.bureau_balance`).
    """

    tables: tuple[str, ...]
    rows: Callable[[Tables], ir.Table]
    columns: tuple[Column, ...]
    features: tuple[Feature, ...]
    is_silent_on_absence: bool = False

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the view's features, in order."""
        return tuple(one.name for one in self.features)

    def absent(self, one: Feature) -> float:
        """The feature's value for an applicant without rows: 0 or NaN."""
        return 0.0 if self.is_zero_without_rows(one.value) else float("nan")

    def is_zero_without_rows(self, value: Measure | Ratio) -> bool:
        """Whether nothing to measure is 0 rather than missing."""
        if isinstance(value, Ratio):
            return False
        silent = {Kind.SHARE, Kind.PART, Kind.MAX} if self.is_silent_on_absence else set()
        return value.kind in _ZERO_WITHOUT_ROWS or value.kind in silent

    def definitions(self) -> tuple[FeatureDefinition, ...]:
        """What the view's features are, for the list, the manifest and the page."""
        return tuple(
            FeatureDefinition(
                name=one.name,
                unit=one.unit,
                null_rule=self._null_rule(one.value),
                description=one.description,
                sources=self._sources(one.value),
                table=" + ".join(self.tables),
                group=one.group,
            )
            for one in self.features
        )

    def _null_rule(self, value: Measure | Ratio) -> str:
        if isinstance(value, Ratio):
            return "missing when one of its two features is, or when the divisor is 0"
        if self.is_zero_without_rows(value):
            return "0 without such rows; missing only if the table is"
        if value.kind is Kind.SLOPE:
            return "missing with fewer than two points in time"
        return "missing without such rows"

    def _sources(self, value: Measure | Ratio) -> tuple[str, ...]:
        if isinstance(value, Ratio):
            by_name = {one.name: one.value for one in self.features}
            pair = (by_name[value.numerator], by_name[value.denominator])
            sources = [source for one in pair for source in self._sources(one)]
        else:
            of = {column.name: column.sources for column in self.columns}
            sources = [source for name in value.columns() for source in of[name]]
        return tuple(dict.fromkeys(sources)) or ("SK_ID_CURR",)
