"""installments_payments: what was due on earlier loans here, and when and how much was paid.

An instalment paid in parts has several rows with the same due amount; the rows are brought together
first, or each part would look like a short payment. Point in time: instalments due up to now, and
payments made up to now; what was not paid by then is unpaid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feature_service.views.compile import rounded
from feature_service.views.view import (
    MONEY,
    Column,
    Ratio,
    Tables,
    View,
    ago,
    count,
    exists,
    feature,
    flag,
    in_group,
    largest,
    mean,
    over,
    part,
    rate,
    share,
    slope,
    smallest,
    spread,
    times,
    total,
    within,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

TABLE: Final = "installments_payments"
#: Paid short only if more than this part is missing; less is rounding.
_SHORT_PERCENT: Final = 1


def _paid(tables: Tables) -> ir.Table:
    """One row per instalment: its due day and amount, what was paid and when last."""
    rows: Any = tables[TABLE]
    rows = rows.filter(rows.DAYS_INSTALMENT <= 0)
    is_paid = (rows.DAYS_ENTRY_PAYMENT <= 0) & rows.AMT_PAYMENT.notnull()
    rows = rows.select(
        "SK_ID_CURR",
        "SK_ID_PREV",
        "NUM_INSTALMENT_NUMBER",
        "DAYS_INSTALMENT",
        version=rows.NUM_INSTALMENT_VERSION,
        due=rounded(rows.AMT_INSTALMENT, MONEY),
        paid=is_paid.ifelse(rounded(rows.AMT_PAYMENT, MONEY), 0),
        paid_day=is_paid.ifelse(rows.DAYS_ENTRY_PAYMENT, None),
    )
    result: ir.Table = rows.group_by(
        ["SK_ID_CURR", "SK_ID_PREV", "NUM_INSTALMENT_NUMBER", "DAYS_INSTALMENT"]
    ).aggregate(
        due=rows.due.max(),
        paid=rows.paid.sum().cast("int64"),
        paid_day=rows.paid_day.max(),
        payments=rows.count(),
        version=rows.version.max(),
    )
    return result


def _instalments(tables: Tables) -> ir.Table:
    import ibis  # noqa: PLC0415  (a scorer has the definitions without it)

    rows: Any = _paid(tables)
    window = ibis.window(
        group_by=rows.SK_ID_CURR,
        order_by=[rows.DAYS_INSTALMENT.desc(), rows.SK_ID_PREV.desc(), rows.NUM_INSTALMENT_NUMBER.desc()],
    )
    result: ir.Table = rows.mutate(
        place=ibis.row_number().over(window) + 1,
        late_days=rows.paid_day - rows.DAYS_INSTALMENT,
        short=(rows.paid < rows.due).ifelse(rows.due - rows.paid, 0),
    )
    return result


def _loans(tables: Tables) -> ir.Table:
    rows: Any = _paid(tables)
    late = (rows.paid_day - rows.DAYS_INSTALMENT) > 0
    result: ir.Table = rows.group_by(["SK_ID_CURR", "SK_ID_PREV"]).aggregate(
        instalments=rows.count(),
        late=times(late),
        first_late=times(late & (rows.NUM_INSTALMENT_NUMBER <= 2)),
        newest=rows.DAYS_INSTALMENT.max(),
        versions=rows.version.max(),
        due=rows.due.sum().cast("int64"),
        paid=rows.paid.sum().cast("int64"),
    )
    return result


_DAYS: Final = ("DAYS_ENTRY_PAYMENT", "DAYS_INSTALMENT")
_SUMS: Final = ("AMT_PAYMENT", "AMT_INSTALMENT")

_COLUMNS: Final[tuple[Column, ...]] = (
    ago("ago", "DAYS_INSTALMENT"),
    within("in_30", "DAYS_INSTALMENT", 30),
    within("in_90", "DAYS_INSTALMENT", 90),
    within("in_180", "DAYS_INSTALMENT", 180),
    within("in_365", "DAYS_INSTALMENT", 365),
    within("in_730", "DAYS_INSTALMENT", 730),
    flag("is_last_5", lambda rows: rows.place <= 5, "DAYS_INSTALMENT"),
    flag("is_last_10", lambda rows: rows.place <= 10, "DAYS_INSTALMENT"),
    flag("is_last_20", lambda rows: rows.place <= 20, "DAYS_INSTALMENT"),
    Column("shift_days", lambda rows: rows.late_days, _DAYS),
    Column(
        "late_days",
        lambda rows: (rows.late_days > 0).ifelse(rows.late_days, (rows.late_days <= 0).ifelse(0, None)),
        _DAYS,
    ),
    flag("is_late", lambda rows: rows.late_days > 0, *_DAYS),
    flag("is_late_7", lambda rows: rows.late_days > 7, *_DAYS),
    flag("is_late_30", lambda rows: rows.late_days > 30, *_DAYS),
    flag("is_early_7", lambda rows: rows.late_days < -7, *_DAYS),
    flag("is_unpaid", lambda rows: rows.paid_day.isnull() & (rows.due > 0), *_DAYS),
    Column("due", lambda rows: rows.due, ("AMT_INSTALMENT",), MONEY, is_scaled=True),
    Column("paid", lambda rows: rows.paid, ("AMT_PAYMENT",), MONEY, is_scaled=True),
    Column("short", lambda rows: rows.short, _SUMS, MONEY, is_scaled=True),
    rate("paid_share", lambda rows: over(rows.paid, rows.due), *_SUMS),
    flag("is_short", lambda rows: rows.paid * 100 < rows.due * (100 - _SHORT_PERCENT), *_SUMS),
    flag("is_overpaid", lambda rows: rows.paid * 100 > rows.due * (100 + _SHORT_PERCENT), *_SUMS),
    flag("is_in_parts", lambda rows: rows.payments > 1, "NUM_INSTALMENT_NUMBER"),
    flag("is_on_card", lambda rows: rows.version == 0, "NUM_INSTALMENT_VERSION"),
)

_LATE: Final = in_group(
    "PAYMENTS_LATE",
    feature("INST_LATE_COUNT", "instalment", "instalments paid late", count("is_late")),
    feature("INST_LATE_SHARE", "share", "part of the instalments paid late", share("is_late")),
    feature(
        "INST_LATE_90_COUNT", "instalment", "late payments in the last 90 days", count("is_late & in_90")
    ),
    feature(
        "INST_LATE_90_SHARE",
        "share",
        "part of the last 90 days' instalments paid late",
        share("is_late", "in_90"),
    ),
    feature(
        "INST_LATE_180_SHARE",
        "share",
        "part of the last half year's instalments paid late",
        share("is_late", "in_180"),
    ),
    feature("INST_LATE_365_COUNT", "instalment", "late payments in the last year", count("is_late & in_365")),
    feature(
        "INST_LATE_365_SHARE",
        "share",
        "part of the last year's instalments paid late",
        share("is_late", "in_365"),
    ),
    feature(
        "INST_LATE_730_SHARE",
        "share",
        "part of the last two years' instalments paid late",
        share("is_late", "in_730"),
    ),
    feature(
        "INST_LATE_LAST_5_SHARE",
        "share",
        "part of the last five instalments paid late",
        share("is_late", "is_last_5"),
    ),
    feature(
        "INST_LATE_LAST_10_SHARE",
        "share",
        "part of the last ten instalments paid late",
        share("is_late", "is_last_10"),
    ),
    feature(
        "INST_LATE_LAST_20_SHARE",
        "share",
        "part of the last twenty instalments paid late",
        share("is_late", "is_last_20"),
    ),
    feature(
        "INST_LATE_TREND",
        "ratio",
        "late share of the last year over that of all time",
        Ratio("INST_LATE_365_SHARE", "INST_LATE_SHARE"),
    ),
    feature("INST_LATE_7_SHARE", "share", "part of the instalments over a week late", share("is_late_7")),
    feature(
        "INST_LATE_7_365_SHARE",
        "share",
        "part of the last year's instalments over a week late",
        share("is_late_7", "in_365"),
    ),
    feature("INST_LATE_30_COUNT", "instalment", "instalments over 30 days late", count("is_late_30")),
    feature(
        "INST_LATE_30_730_COUNT",
        "instalment",
        "instalments over 30 days late in the last two years",
        count("is_late_30 & in_730"),
    ),
    feature("INST_LATE_DAYS_MEAN", "day", "mean days late, in time counting as 0", mean("late_days")),
    feature("INST_LATE_DAYS_MAX", "day", "most days late", largest("late_days")),
    feature(
        "INST_LATE_DAYS_90_MEAN", "day", "mean days late in the last 90 days", mean("late_days", "in_90")
    ),
    feature("INST_LATE_DAYS_365_MEAN", "day", "mean days late in the last year", mean("late_days", "in_365")),
    feature(
        "INST_LATE_DAYS_365_MAX", "day", "most days late in the last year", largest("late_days", "in_365")
    ),
    feature(
        "INST_LATE_DAYS_LAST_5_MEAN",
        "day",
        "mean days late of the last five instalments",
        mean("late_days", "is_last_5"),
    ),
    feature(
        "INST_LATE_DAYS_SLOPE_365",
        "day/day",
        "days late, change per day back in the last year",
        slope("late_days", "ago", "in_365"),
    ),
    feature(
        "INST_LATE_DAYS_LAST_20_SLOPE",
        "day/day",
        "days late, change per day back over the last twenty",
        slope("late_days", "ago", "is_last_20"),
    ),
    feature(
        "INST_SHIFT_MEAN", "day", "mean days from due to paid, early counting negative", mean("shift_days")
    ),
    feature(
        "INST_SHIFT_SPREAD",
        "day",
        "spread of the days from due to paid: how regular the payer is",
        spread("shift_days"),
    ),
    feature("INST_SHIFT_MIN", "day", "earliest payment before its due day", smallest("shift_days")),
    feature(
        "INST_SHIFT_365_MEAN",
        "day",
        "mean days from due to paid in the last year",
        mean("shift_days", "in_365"),
    ),
    feature(
        "INST_SHIFT_LAST_10_MEAN",
        "day",
        "mean days from due to paid of the last ten",
        mean("shift_days", "is_last_10"),
    ),
    feature(
        "INST_EARLY_7_SHARE", "share", "part of the instalments paid over a week early", share("is_early_7")
    ),
    feature(
        "INST_EARLY_7_365_SHARE",
        "share",
        "part of the last year's instalments over a week early",
        share("is_early_7", "in_365"),
    ),
    feature(
        "INST_SINCE_LATE_DAYS", "day", "time since the last instalment paid late", smallest("ago", "is_late")
    ),
    feature(
        "INST_SINCE_LATE_30_DAYS",
        "day",
        "time since the last instalment over 30 days late",
        smallest("ago", "is_late_30"),
    ),
    feature(
        "INST_CARD_LATE_SHARE",
        "share",
        "part of the card instalments paid late",
        share("is_late", "is_on_card"),
    ),
)

_SHORT: Final = in_group(
    "PAYMENTS_SHORT",
    feature("INST_SHORT_COUNT", "instalment", "instalments paid over 1 % short", count("is_short")),
    feature("INST_SHORT_SHARE", "share", "part of the instalments paid short", share("is_short")),
    feature(
        "INST_SHORT_90_COUNT",
        "instalment",
        "instalments paid short in the last 90 days",
        count("is_short & in_90"),
    ),
    feature(
        "INST_SHORT_365_COUNT",
        "instalment",
        "instalments paid short in the last year",
        count("is_short & in_365"),
    ),
    feature(
        "INST_SHORT_365_SHARE",
        "share",
        "part of the last year's instalments paid short",
        share("is_short", "in_365"),
    ),
    feature(
        "INST_SHORT_LAST_10_SHARE",
        "share",
        "part of the last ten instalments paid short",
        share("is_short", "is_last_10"),
    ),
    feature("INST_SHORT_TOTAL", "currency", "what was not paid of what was due", total("short")),
    feature(
        "INST_SHORT_365_TOTAL", "currency", "what was not paid in the last year", total("short", "in_365")
    ),
    feature("INST_SHORT_MAX", "currency", "largest amount not paid", largest("short")),
    feature("INST_SHORT_TO_DUE", "share", "what was not paid over what was due", part("short", "due")),
    feature("INST_PAID_TO_DUE", "share", "payments over dues", part("paid", "due")),
    feature(
        "INST_PAID_TO_DUE_90", "share", "payments over dues in the last 90 days", part("paid", "due", "in_90")
    ),
    feature(
        "INST_PAID_TO_DUE_365", "share", "payments over dues in the last year", part("paid", "due", "in_365")
    ),
    feature("INST_PAID_SHARE_MIN", "share", "smallest part paid of an instalment", smallest("paid_share")),
    feature(
        "INST_OVERPAID_SHARE", "share", "part of the instalments paid over 1 % more", share("is_overpaid")
    ),
    feature("INST_UNPAID_COUNT", "instalment", "instalments without any payment", count("is_unpaid")),
    feature(
        "INST_UNPAID_365_COUNT",
        "instalment",
        "instalments without any payment in the last year",
        count("is_unpaid & in_365"),
    ),
    feature(
        "INST_IN_PARTS_SHARE", "share", "part of the instalments paid in several parts", share("is_in_parts")
    ),
)

_LOAD: Final = in_group(
    "RUNNING_LOANS",
    feature("HAS_INSTALLMENTS", "flag", "1 if instalments were due here before", exists()),
    feature("INST_COUNT", "instalment", "instalments due so far", count()),
    feature("INST_365_COUNT", "instalment", "instalments due in the last year", count("in_365")),
    feature("INST_NEWEST_DAYS", "day", "time since the last instalment was due", smallest("ago")),
    feature("INST_OLDEST_DAYS", "day", "time since the first instalment was due", largest("ago")),
    feature("INST_DUE_MEAN", "currency", "mean instalment", mean("due")),
    feature("INST_DUE_MAX", "currency", "largest instalment", largest("due")),
    feature("INST_DUE_30_TOTAL", "currency", "due in the last 30 days", total("due", "in_30")),
    feature("INST_DUE_365_TOTAL", "currency", "due in the last year", total("due", "in_365")),
    feature("INST_PAID_TOTAL", "currency", "paid, ever", total("paid")),
    feature("INST_PAID_365_TOTAL", "currency", "paid in the last year", total("paid", "in_365")),
    feature("INST_PAID_MAX", "currency", "largest payment for an instalment", largest("paid")),
    feature("INST_CARD_SHARE", "share", "part of the instalments that belongs to cards", share("is_on_card")),
)

INSTALMENTS: Final = View(
    tables=(TABLE,), rows=_instalments, columns=_COLUMNS, features=(*_LATE, *_SHORT, *_LOAD)
)

LOANS: Final = View(
    tables=(TABLE,),
    rows=_loans,
    columns=(
        flag("was_late", lambda rows: rows.late > 0, *_DAYS),
        flag("was_first_late", lambda rows: rows.first_late > 0, "NUM_INSTALMENT_NUMBER", *_DAYS),
        flag("is_mostly_late", lambda rows: rows.late * 2 > rows.instalments, *_DAYS),
        flag("is_recent", lambda rows: rows.newest >= -90, "DAYS_INSTALMENT"),
        flag("is_rescheduled", lambda rows: rows.versions > 1, "NUM_INSTALMENT_VERSION"),
        rate("late_share", lambda rows: over(rows.late, rows.instalments), *_DAYS),
    ),
    features=in_group(
        "PAYMENTS_LATE",
        feature("INST_LOANS", "loan", "loans with instalments", count()),
        feature(
            "INST_LOANS_RECENT", "loan", "loans with an instalment in the last 90 days", count("is_recent")
        ),
        feature("INST_LOANS_LATE", "loan", "loans with a late instalment", count("was_late")),
        feature(
            "INST_LOANS_LATE_SHARE", "share", "part of the loans with a late instalment", share("was_late")
        ),
        feature(
            "INST_LOANS_FIRST_LATE",
            "loan",
            "loans whose first or second instalment was late",
            count("was_first_late"),
        ),
        feature(
            "INST_LOANS_FIRST_LATE_SHARE",
            "share",
            "part of the loans that began late",
            share("was_first_late"),
        ),
        feature(
            "INST_LOANS_MOSTLY_LATE",
            "loan",
            "loans with more late than timely instalments",
            count("is_mostly_late"),
        ),
        feature("INST_LOANS_WORST_SHARE", "share", "late share of the worst loan", largest("late_share")),
        feature(
            "INST_LOANS_RESCHEDULED",
            "loan",
            "loans whose calendar of instalments was changed",
            count("is_rescheduled"),
        ),
    ),
)
