"""From a view's declaration to one Ibis expression: a row per applicant, a float32 column per feature.

The same expression runs on DuckDB and on Spark. Only additions of whole numbers, maxima and counts
happen across rows, so a result does not depend on the order of rows, on threads or on the engine;
divisions come after, in float64, and the rounding to float32 last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from feature_service.views.view import RATE, Column, Feature, Kind, Measure, Ratio, Tables, View, only, times

if TYPE_CHECKING:
    import ibis.expr.types as ir

ENTITY: Final = "SK_ID_CURR"
_LARGEST_RATE: Final = 1e9
_LARGEST_SPREAD: Final = 100_000_000


def features_of(view: View, tables: Tables) -> ir.Table:
    """The view's features of all applicants that have rows: `SK_ID_CURR` and one column each."""
    rows = _with_columns(view, view.rows(tables))
    scale = {column.name: column.scale for column in view.columns}
    measures = {
        one.name: _measured(view, one, rows, scale) for one in view.features if isinstance(one.value, Measure)
    }
    measured = rows.group_by(ENTITY).aggregate(**measures)
    ratios = {
        one.name: measured[one.value.numerator] / measured[one.value.denominator].nullif(0.0)
        for one in view.features
        if isinstance(one.value, Ratio)
    }
    complete = measured.mutate(**ratios) if ratios else measured
    return complete.select(
        complete[ENTITY].cast("int64").name(ENTITY),
        *(complete[name].cast("float32").name(name) for name in view.feature_names),
    )


def rounded(value: ir.Value, scale: int) -> ir.Value:
    """The value in whole steps of 1/scale, half upwards: the same on every engine."""
    number: Any = value.cast("float64")
    if scale == RATE:
        # A quotient by next to nothing would not fit; ingestion bounds all other values.
        number = (number.abs() <= _LARGEST_RATE).ifelse(number, None)
    return (number * float(scale) + 0.5).floor().cast("int64")


def _with_columns(view: View, rows: ir.Table) -> ir.Table:
    return rows.select(rows[ENTITY], *(_named(rows, column) for column in view.columns))


def _named(rows: ir.Table, column: Column) -> ir.Value:
    value = column.of(rows)
    if value.type().is_boolean():
        return value.name(column.name)
    if column.is_scaled:
        return value.cast("int64").name(column.name)
    if value.type().is_floating():
        return rounded(value, column.scale).name(column.name)
    return (value.cast("int64") * column.scale).name(column.name)


def _measured(view: View, one: Feature, rows: ir.Table, scale: dict[str, int]) -> ir.Value:
    measure = cast(Measure, one.value)
    value = _BY_KIND[measure.kind](rows, measure, scale).cast("float64")
    return value.fill_null(0.0) if view.is_zero_without_rows(measure) else value


def condition(rows: ir.Table, text: str) -> Any:
    """The boolean of a condition; None for the empty one."""
    result: Any = None
    for name in (part.strip() for part in text.split("&") if part.strip()):
        one: Any = ~rows[name[4:]] if name.startswith("not ") else rows[name]
        result = one if result is None else result & one
    return result


def _exists(rows: ir.Table, _: Measure, __: dict[str, int]) -> Any:
    return rows.count() > 0


def _count(rows: ir.Table, measure: Measure, _: dict[str, int]) -> Any:
    return _counted(rows, condition(rows, measure.where))


def _counted(rows: ir.Table, where: Any) -> Any:
    return rows.count() if where is None else times(where)


def _sum(rows: ir.Table, measure: Measure, scale: dict[str, int]) -> Any:
    return _added(rows, measure.column, measure.where) / float(scale[measure.column])


def _added(rows: ir.Table, column: str, where: str) -> Any:
    values: Any = rows[column]
    return only(values, condition(rows, where)).sum().cast("float64")


def _mean(rows: ir.Table, measure: Measure, scale: dict[str, int]) -> Any:
    values: Any = rows[measure.column]
    known = only(values, condition(rows, measure.where)).count().cast("float64")
    return _added(rows, measure.column, measure.where) / (known * scale[measure.column]).nullif(0.0)


def _max(rows: ir.Table, measure: Measure, scale: dict[str, int]) -> Any:
    values: Any = rows[measure.column]
    return only(values, condition(rows, measure.where)).max().cast("float64") / float(scale[measure.column])


def _min(rows: ir.Table, measure: Measure, scale: dict[str, int]) -> Any:
    values: Any = rows[measure.column]
    return only(values, condition(rows, measure.where)).min().cast("float64") / float(scale[measure.column])


def _std(rows: ir.Table, measure: Measure, scale: dict[str, int]) -> Any:
    # Squares of thousandths outgrow 64 bits, so the spread is taken in whole units.
    steps: Any = rows[measure.column]
    units = steps // scale[measure.column] if scale[measure.column] != 1 else steps
    bounded = (units.abs() <= _LARGEST_SPREAD).ifelse(units, None).cast("int64")
    values = only(bounded, condition(rows, measure.where))
    known = values.count().cast("float64").nullif(0.0)
    mean = values.sum().cast("float64") / known
    squares = (values * values).sum().cast("float64") / known
    variance = squares - mean * mean
    return (variance < 0.0).ifelse(0.0, variance).sqrt()


def _share(rows: ir.Table, measure: Measure, _: dict[str, int]) -> Any:
    both = " & ".join(part for part in (measure.where, measure.other) if part)
    among = _counted(rows, condition(rows, measure.other)).cast("float64")
    return _counted(rows, condition(rows, both)).cast("float64") / among.nullif(0.0)


def _part(rows: ir.Table, measure: Measure, scale: dict[str, int]) -> Any:
    where = condition(rows, measure.where)
    both = rows[measure.column].notnull() & rows[measure.other].notnull()
    both = both if where is None else both & where
    numerator: Any = rows[measure.column]
    denominator: Any = rows[measure.other]
    above = only(numerator, both).sum().cast("float64") * float(scale[measure.other])
    below = only(denominator, both).sum().cast("float64") * float(scale[measure.column])
    return above / below.nullif(0.0)


def _slope(rows: ir.Table, measure: Measure, scale: dict[str, int]) -> Any:
    x: Any = rows[measure.other]
    y: Any = rows[measure.column]
    where = condition(rows, measure.where)
    both = x.notnull() & y.notnull()
    both = both if where is None else both & where
    n = _counted(rows, both).cast("float64")
    x, y = only(x, both), only(y, both)
    sum_x, sum_y = x.sum().cast("float64"), y.sum().cast("float64")
    sum_xy, sum_xx = (x * y).sum().cast("float64"), (x * x).sum().cast("float64")
    above = n * sum_xy - sum_x * sum_y
    below = (n * sum_xx - sum_x * sum_x) * float(scale[measure.column])
    return above / below.nullif(0.0)


_BY_KIND: Final[dict[Kind, Callable[[ir.Table, Measure, dict[str, int]], Any]]] = {
    Kind.EXISTS: _exists,
    Kind.COUNT: _count,
    Kind.SUM: _sum,
    Kind.MEAN: _mean,
    Kind.MAX: _max,
    Kind.MIN: _min,
    Kind.STD: _std,
    Kind.SHARE: _share,
    Kind.PART: _part,
    Kind.SLOPE: _slope,
}
