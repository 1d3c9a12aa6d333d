"""credit_card_balance: the months of credit cards here. Point in time: MONTHS_BALANCE <= 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feature_service.views.view import (
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
    money,
    one_of,
    over,
    part,
    rate,
    share,
    slope,
    smallest,
    spread,
    total,
    whole,
    within,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir


def _rows(tables: Tables) -> ir.Table:
    import ibis  # noqa: PLC0415  (a scorer has the definitions without it)

    rows: Any = tables["credit_card_balance"]
    known = rows.filter(rows.MONTHS_BALANCE <= 0)
    newest = known.MONTHS_BALANCE.max().over(ibis.window(group_by=known.SK_ID_CURR))
    result: ir.Table = known.mutate(is_newest=newest == known.MONTHS_BALANCE)
    return result


def _used(rows: Any) -> Any:
    return over(rows.AMT_BALANCE, rows.AMT_CREDIT_LIMIT_ACTUAL)


_USED: Final = ("AMT_BALANCE", "AMT_CREDIT_LIMIT_ACTUAL")
_MINIMUM: Final = ("AMT_PAYMENT_TOTAL_CURRENT", "AMT_INST_MIN_REGULARITY")

_COLUMNS: Final[tuple[Column, ...]] = (
    ago("ago", "MONTHS_BALANCE"),
    within("in_3", "MONTHS_BALANCE", 3),
    within("in_6", "MONTHS_BALANCE", 6),
    within("in_12", "MONTHS_BALANCE", 12),
    flag("is_newest", lambda rows: rows.is_newest, "MONTHS_BALANCE"),
    money("balance", "AMT_BALANCE"),
    money("limit", "AMT_CREDIT_LIMIT_ACTUAL"),
    money("drawn", "AMT_DRAWINGS_CURRENT"),
    money("drawn_cash", "AMT_DRAWINGS_ATM_CURRENT"),
    money("drawn_shop", "AMT_DRAWINGS_POS_CURRENT"),
    money("minimum", "AMT_INST_MIN_REGULARITY"),
    money("paid", "AMT_PAYMENT_TOTAL_CURRENT"),
    money("principal", "AMT_RECEIVABLE_PRINCIPAL"),
    money("receivable", "AMT_TOTAL_RECEIVABLE"),
    whole("drawings", "CNT_DRAWINGS_CURRENT"),
    whole("drawings_cash", "CNT_DRAWINGS_ATM_CURRENT"),
    whole("drawings_shop", "CNT_DRAWINGS_POS_CURRENT"),
    whole("instalments_paid", "CNT_INSTALMENT_MATURE_CUM"),
    whole("dpd", "SK_DPD"),
    whole("dpd_def", "SK_DPD_DEF"),
    rate("used", _used, *_USED),
    flag(
        "is_over_limit",
        lambda rows: (rows.AMT_BALANCE > rows.AMT_CREDIT_LIMIT_ACTUAL) & (rows.AMT_CREDIT_LIMIT_ACTUAL > 0),
        *_USED,
    ),
    flag("is_nearly_full", lambda rows: _used(rows) > 0.9, *_USED),
    flag("has_balance", lambda rows: rows.AMT_BALANCE > 0, "AMT_BALANCE"),
    flag("has_drawn", lambda rows: rows.AMT_DRAWINGS_CURRENT > 0, "AMT_DRAWINGS_CURRENT"),
    flag("has_drawn_cash", lambda rows: rows.AMT_DRAWINGS_ATM_CURRENT > 0, "AMT_DRAWINGS_ATM_CURRENT"),
    flag("has_minimum", lambda rows: rows.AMT_INST_MIN_REGULARITY > 0, "AMT_INST_MIN_REGULARITY"),
    flag(
        "is_below_minimum",
        lambda rows: rows.AMT_PAYMENT_TOTAL_CURRENT < rows.AMT_INST_MIN_REGULARITY,
        *_MINIMUM,
    ),
    flag(
        "has_paid_all",
        lambda rows: rows.AMT_PAYMENT_TOTAL_CURRENT >= rows.AMT_TOTAL_RECEIVABLE,
        "AMT_PAYMENT_TOTAL_CURRENT",
        "AMT_TOTAL_RECEIVABLE",
    ),
    flag("is_late", lambda rows: rows.SK_DPD > 0, "SK_DPD"),
    flag("is_serious", lambda rows: rows.SK_DPD_DEF > 0, "SK_DPD_DEF"),
    one_of("is_active", "NAME_CONTRACT_STATUS", "Active"),
    one_of("is_completed", "NAME_CONTRACT_STATUS", "Completed"),
)

_UTILISATION: Final = in_group(
    "CARD_UTILISATION",
    feature("HAS_CARD", "flag", "1 if the applicant had a credit card here", exists()),
    feature("CARD_MONTHS", "month", "card months on record", count()),
    feature("CARD_NEWEST", "month", "time since the newest card month", smallest("ago")),
    feature("CARD_ACTIVE_SHARE", "share", "part of the months with an active card", share("is_active")),
    feature("CARD_COMPLETED_COUNT", "month", "months with a closed card", count("is_completed")),
    feature("CARD_LIMIT_MAX", "currency", "highest limit", largest("limit")),
    feature("CARD_LIMIT_NEWEST", "currency", "limit in the newest month", total("limit", "is_newest")),
    feature("CARD_LIMIT_SPREAD", "currency", "spread of the limit: was it raised or cut", spread("limit")),
    feature(
        "CARD_LIMIT_SLOPE_12",
        "currency/month",
        "limit, change per month back in the last year",
        slope("limit", "ago", "in_12"),
    ),
    feature("CARD_BALANCE_MEAN", "currency", "mean balance", mean("balance")),
    feature("CARD_BALANCE_MAX", "currency", "highest balance", largest("balance")),
    feature("CARD_BALANCE_NEWEST", "currency", "balance in the newest month", total("balance", "is_newest")),
    feature(
        "CARD_BALANCE_3_MEAN", "currency", "mean balance in the last three months", mean("balance", "in_3")
    ),
    feature("CARD_BALANCE_12_MEAN", "currency", "mean balance in the last year", mean("balance", "in_12")),
    feature(
        "CARD_BALANCE_SLOPE_6",
        "currency/month",
        "balance, change per month back in the last six",
        slope("balance", "ago", "in_6"),
    ),
    feature(
        "CARD_BALANCE_SLOPE_12",
        "currency/month",
        "balance, change per month back in the last year",
        slope("balance", "ago", "in_12"),
    ),
    feature("CARD_BALANCE_MONTHS_SHARE", "share", "part of the months with a balance", share("has_balance")),
    feature(
        "CARD_BALANCE_12_MONTHS_SHARE",
        "share",
        "part of the last year's months with a balance",
        share("has_balance", "in_12"),
    ),
    feature("CARD_USED", "share", "balances over limits, all months", part("balance", "limit")),
    feature(
        "CARD_USED_NEWEST",
        "share",
        "balance over limit in the newest month",
        part("balance", "limit", "is_newest"),
    ),
    feature(
        "CARD_USED_3",
        "share",
        "balances over limits in the last three months",
        part("balance", "limit", "in_3"),
    ),
    feature(
        "CARD_USED_6",
        "share",
        "balances over limits in the last six months",
        part("balance", "limit", "in_6"),
    ),
    feature(
        "CARD_USED_12", "share", "balances over limits in the last year", part("balance", "limit", "in_12")
    ),
    feature(
        "CARD_USED_TREND",
        "ratio",
        "utilisation of the last three months over the last year's",
        Ratio("CARD_USED_3", "CARD_USED_12"),
    ),
    feature("CARD_USED_MEAN", "share", "mean utilisation of a month", mean("used")),
    feature("CARD_USED_MAX", "share", "highest utilisation of a month", largest("used")),
    feature("CARD_USED_12_MAX", "share", "highest utilisation in the last year", largest("used", "in_12")),
    feature("CARD_OVER_LIMIT_COUNT", "month", "months above the limit", count("is_over_limit")),
    feature(
        "CARD_OVER_LIMIT_12_COUNT",
        "month",
        "months above the limit in the last year",
        count("is_over_limit & in_12"),
    ),
    feature(
        "CARD_NEARLY_FULL_SHARE",
        "share",
        "part of the months with over 90 % of the limit used",
        share("is_nearly_full"),
    ),
    feature(
        "CARD_PRINCIPAL_TO_RECEIVABLE",
        "share",
        "principal over all that is owed; the rest is interest and fees",
        part("principal", "receivable"),
    ),
)

_DRAWINGS: Final = in_group(
    "CARD_DRAWINGS",
    feature("CARD_DRAWN_TOTAL", "currency", "amount drawn, ever", total("drawn")),
    feature("CARD_DRAWN_MEAN", "currency", "mean amount drawn in a month", mean("drawn")),
    feature("CARD_DRAWN_MAX", "currency", "largest amount drawn in a month", largest("drawn")),
    feature(
        "CARD_DRAWN_3_MEAN", "currency", "mean amount drawn in the last three months", mean("drawn", "in_3")
    ),
    feature("CARD_DRAWN_12_MEAN", "currency", "mean amount drawn in the last year", mean("drawn", "in_12")),
    feature("CARD_DRAWN_CASH_TOTAL", "currency", "cash drawn, ever", total("drawn_cash")),
    feature(
        "CARD_DRAWN_CASH_12_MEAN",
        "currency",
        "mean cash drawn in a month of the last year",
        mean("drawn_cash", "in_12"),
    ),
    feature(
        "CARD_DRAWN_CASH_SHARE",
        "share",
        "part of the drawings that was cash: a sign of need",
        part("drawn_cash", "drawn"),
    ),
    feature(
        "CARD_DRAWN_SHOP_SHARE",
        "share",
        "part of the drawings that paid for goods",
        part("drawn_shop", "drawn"),
    ),
    feature("CARD_DRAWINGS_MEAN", "drawing", "mean drawings in a month", mean("drawings")),
    feature(
        "CARD_DRAWINGS_12_MEAN",
        "drawing",
        "mean drawings in a month of the last year",
        mean("drawings", "in_12"),
    ),
    feature("CARD_DRAWINGS_MAX", "drawing", "most drawings in a month", largest("drawings")),
    feature("CARD_DRAWINGS_CASH_MEAN", "drawing", "mean cash drawings in a month", mean("drawings_cash")),
    feature(
        "CARD_DRAWINGS_CASH_3_MEAN",
        "drawing",
        "mean cash drawings in the last three months",
        mean("drawings_cash", "in_3"),
    ),
    feature("CARD_DRAWINGS_CASH_MAX", "drawing", "most cash drawings in a month", largest("drawings_cash")),
    feature("CARD_DRAWINGS_SHOP_MEAN", "drawing", "mean purchases in a month", mean("drawings_shop")),
    feature("CARD_DRAWN_MONTHS_SHARE", "share", "part of the months with a drawing", share("has_drawn")),
    feature(
        "CARD_CASH_MONTHS_12_COUNT",
        "month",
        "months with cash drawn in the last year",
        count("has_drawn_cash & in_12"),
    ),
    feature("CARD_SINCE_DRAWN", "month", "time since the last drawing", smallest("ago", "has_drawn")),
    feature("CARD_DRAWN_TO_LIMIT", "share", "amounts drawn over limits", part("drawn", "limit")),
    feature(
        "CARD_DRAWN_TO_LIMIT_12",
        "share",
        "amounts drawn over limits in the last year",
        part("drawn", "limit", "in_12"),
    ),
)

_PAYMENTS: Final = in_group(
    "CARD_PAYMENTS",
    feature("CARD_PAID_MEAN", "currency", "mean payment in a month", mean("paid")),
    feature(
        "CARD_PAID_12_MEAN", "currency", "mean payment in a month of the last year", mean("paid", "in_12")
    ),
    feature(
        "CARD_PAID_TO_MINIMUM", "ratio", "payments over the least due", part("paid", "minimum", "has_minimum")
    ),
    feature(
        "CARD_PAID_TO_MINIMUM_12",
        "ratio",
        "payments over the least due in the last year",
        part("paid", "minimum", "has_minimum & in_12"),
    ),
    feature("CARD_PAID_TO_BALANCE", "share", "payments over balances", part("paid", "balance")),
    feature(
        "CARD_PAID_TO_DRAWN", "ratio", "payments over drawings: is the debt going down", part("paid", "drawn")
    ),
    feature(
        "CARD_BELOW_MINIMUM_COUNT",
        "month",
        "months with less paid than the least due",
        count("is_below_minimum"),
    ),
    feature(
        "CARD_BELOW_MINIMUM_SHARE",
        "share",
        "part of the months with less paid than the least due",
        share("is_below_minimum", "has_minimum"),
    ),
    feature(
        "CARD_BELOW_MINIMUM_12_COUNT",
        "month",
        "the same in the last year, months",
        count("is_below_minimum & in_12"),
    ),
    feature(
        "CARD_PAID_ALL_SHARE",
        "share",
        "part of the months with a balance that was paid in full",
        share("has_paid_all", "has_balance"),
    ),
    feature(
        "CARD_INSTALMENTS_PAID_MAX", "instalment", "instalments paid on the card", largest("instalments_paid")
    ),
    feature("CARD_LATE_COUNT", "month", "months past due", count("is_late")),
    feature("CARD_LATE_SHARE", "share", "part of the months past due", share("is_late")),
    feature("CARD_LATE_12_COUNT", "month", "months past due in the last year", count("is_late & in_12")),
    feature("CARD_SERIOUS_COUNT", "month", "months past due with more than small sums", count("is_serious")),
    feature("CARD_DPD_MAX", "day", "most days past due", largest("dpd")),
    feature("CARD_DPD_12_MAX", "day", "most days past due in the last year", largest("dpd", "in_12")),
    feature("CARD_DPD_MEAN", "day", "mean days past due", mean("dpd")),
    feature("CARD_DPD_DEF_MAX", "day", "most days past due, small sums aside", largest("dpd_def")),
)

VIEW: Final = View(
    tables=("credit_card_balance",),
    rows=_rows,
    columns=_COLUMNS,
    features=(*_UTILISATION, *_DRAWINGS, *_PAYMENTS),
)
