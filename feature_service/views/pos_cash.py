"""POS_CASH_balance: the months of earlier consumer and cash loans here.

Two views: the months as they are, and one row per loan. Point in time: MONTHS_BALANCE <= 0.
"""

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
    one_of,
    part,
    share,
    slope,
    smallest,
    times,
    total,
    whole,
    within,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

TABLE: Final = "POS_CASH_balance"
#: A loan whose newest month is older has ended, whatever its status says.
_STILL_RUNS_MONTHS: Final = 2


def _months(tables: Tables) -> ir.Table:
    rows: Any = tables[TABLE]
    known: ir.Table = rows.filter(rows.MONTHS_BALANCE <= 0)
    return known


def _loans(tables: Tables) -> ir.Table:
    """One row per loan. Months are unique within a loan, so "its newest month" is one row."""
    rows: Any = _months(tables)
    rows = rows.mutate(
        ago=-rows.MONTHS_BALANCE,
        is_late=rows.SK_DPD > 0,
        is_serious=rows.SK_DPD_DEF > 0,
        is_completed=rows.NAME_CONTRACT_STATUS == "Completed",
    )
    result: ir.Table = rows.group_by(["SK_ID_CURR", "SK_ID_PREV"]).aggregate(
        months=rows.count(),
        newest=rows.ago.min(),
        oldest=rows.ago.max(),
        late=times(rows.is_late),
        serious=times(rows.is_serious),
        late_early=times(rows.is_late & (rows.CNT_INSTALMENT - rows.CNT_INSTALMENT_FUTURE <= 3)),
        worst=rows.SK_DPD.max(),
        completed=times(rows.is_completed),
        shortest_term=rows.CNT_INSTALMENT.min(),
        longest_term=rows.CNT_INSTALMENT.max(),
        left=rows.CNT_INSTALMENT_FUTURE.min(),
        total_term=rows.CNT_INSTALMENT.argmin(rows.ago),
    )
    return result


_DPD: Final = ("SK_DPD",)
_MONTH: Final = ("MONTHS_BALANCE",)

_MONTH_ARREARS: Final = in_group(
    "LOAN_ARREARS",
    feature("POS_LATE_COUNT", "month", "months with a payment past due", count("is_late")),
    feature("POS_LATE_SHARE", "share", "part of the months with a payment past due", share("is_late")),
    feature("POS_LATE_3_COUNT", "month", "months past due in the last three", count("is_late & in_3")),
    feature("POS_LATE_6_COUNT", "month", "months past due in the last six", count("is_late & in_6")),
    feature("POS_LATE_12_COUNT", "month", "months past due in the last year", count("is_late & in_12")),
    feature(
        "POS_LATE_12_SHARE", "share", "part of the last year's months past due", share("is_late", "in_12")
    ),
    feature(
        "POS_LATE_36_SHARE",
        "share",
        "part of the last three years' months past due",
        share("is_late", "in_36"),
    ),
    feature("POS_SERIOUS_COUNT", "month", "months past due with more than small sums", count("is_serious")),
    feature(
        "POS_SERIOUS_SHARE",
        "share",
        "part of the months past due with more than small sums",
        share("is_serious"),
    ),
    feature("POS_SERIOUS_12_COUNT", "month", "the same in the last year", count("is_serious & in_12")),
    feature("POS_DPD_MAX", "day", "most days past due in a month", largest("dpd")),
    feature("POS_DPD_MEAN", "day", "mean days past due", mean("dpd")),
    feature("POS_DPD_12_MAX", "day", "most days past due in the last year", largest("dpd", "in_12")),
    feature("POS_DPD_12_MEAN", "day", "mean days past due in the last year", mean("dpd", "in_12")),
    feature("POS_DPD_3_MEAN", "day", "mean days past due in the last three months", mean("dpd", "in_3")),
    feature("POS_DPD_DEF_MAX", "day", "most days past due, small sums aside", largest("dpd_def")),
    feature("POS_DPD_DEF_MEAN", "day", "mean days past due, small sums aside", mean("dpd_def")),
    feature("POS_DPD_DEF_12_MAX", "day", "the same at most in the last year", largest("dpd_def", "in_12")),
    feature(
        "POS_DPD_SLOPE_12",
        "day/month",
        "days past due, change per month back in the last year",
        slope("dpd", "ago", "in_12"),
    ),
    feature("POS_SINCE_LATE", "month", "time since the last month past due", smallest("ago", "is_late")),
    feature("POS_DEMAND_COUNT", "month", "months in which the whole debt was demanded", count("is_demand")),
)

MONTHS: Final = View(
    tables=(TABLE,),
    rows=_months,
    columns=(
        ago("ago", "MONTHS_BALANCE"),
        within("in_3", "MONTHS_BALANCE", 3),
        within("in_6", "MONTHS_BALANCE", 6),
        within("in_12", "MONTHS_BALANCE", 12),
        within("in_36", "MONTHS_BALANCE", 36),
        whole("dpd", "SK_DPD"),
        whole("dpd_def", "SK_DPD_DEF"),
        whole("term", "CNT_INSTALMENT"),
        whole("left", "CNT_INSTALMENT_FUTURE"),
        flag("is_late", lambda rows: rows.SK_DPD > 0, *_DPD),
        flag("is_serious", lambda rows: rows.SK_DPD_DEF > 0, "SK_DPD_DEF"),
        one_of("is_active", "NAME_CONTRACT_STATUS", "Active"),
        one_of("is_completed", "NAME_CONTRACT_STATUS", "Completed"),
        one_of("is_demand", "NAME_CONTRACT_STATUS", "Demand", "Amortized debt"),
        one_of("is_returned", "NAME_CONTRACT_STATUS", "Returned to the store"),
    ),
    features=(
        *_MONTH_ARREARS,
        *in_group(
            "RUNNING_LOANS",
            feature("HAS_POS", "flag", "1 if the applicant had consumer or cash loans here", exists()),
            feature("POS_MONTHS", "month", "loan months on record: experience with paying", count()),
            feature("POS_12_MONTHS", "month", "loan months in the last year", count("in_12")),
            feature("POS_NEWEST", "month", "time since the newest month", smallest("ago")),
            feature("POS_OLDEST", "month", "time since the oldest month", largest("ago")),
            feature("POS_LEFT_MEAN", "instalment", "mean instalments left", mean("left")),
            feature("POS_LEFT_TO_TERM", "share", "instalments left over the terms", part("left", "term")),
            feature(
                "POS_LEFT_3_MEAN",
                "instalment",
                "mean instalments left in the last three months",
                mean("left", "in_3"),
            ),
            feature(
                "POS_COMPLETED_12_COUNT",
                "loan",
                "loans completed in the last year",
                count("is_completed & in_12"),
            ),
            feature("POS_RETURNED_COUNT", "loan", "goods given back to the shop", count("is_returned")),
        ),
    ),
)


def _told(name: str, *sources: str) -> Column:
    return Column(name, lambda rows: rows[name], sources)


LOANS: Final = View(
    tables=(TABLE,),
    rows=_loans,
    columns=(
        _told("months", *_MONTH),
        _told("oldest", *_MONTH),
        _told("worst", *_DPD),
        _told("total_term", "CNT_INSTALMENT"),
        _told("left", "CNT_INSTALMENT_FUTURE"),
        flag(
            "is_running",
            lambda rows: (rows.newest <= _STILL_RUNS_MONTHS) & (rows.completed == 0) & (rows.left > 0),
            "MONTHS_BALANCE",
            "NAME_CONTRACT_STATUS",
            "CNT_INSTALMENT_FUTURE",
        ),
        flag("is_completed", lambda rows: rows.completed > 0, "NAME_CONTRACT_STATUS"),
        flag("was_late", lambda rows: rows.late > 0, *_DPD),
        flag("was_serious", lambda rows: rows.serious > 0, "SK_DPD_DEF"),
        flag(
            "was_late_early",
            lambda rows: rows.late_early > 0,
            "SK_DPD",
            "CNT_INSTALMENT",
            "CNT_INSTALMENT_FUTURE",
        ),
        flag("has_changed_term", lambda rows: rows.shortest_term < rows.longest_term, "CNT_INSTALMENT"),
        flag(
            "is_finished_early",
            lambda rows: (rows.completed > 0) & (rows.months < rows.longest_term),
            "NAME_CONTRACT_STATUS",
            "CNT_INSTALMENT",
            "MONTHS_BALANCE",
        ),
        flag("began_in_12", lambda rows: rows.oldest <= 12, *_MONTH),
    ),
    features=(
        *in_group(
            "RUNNING_LOANS",
            feature("POS_LOANS", "loan", "consumer and cash loans on record", count()),
            feature("POS_LOANS_RUNNING", "loan", "loans that still run", count("is_running")),
            feature("POS_LOANS_COMPLETED", "loan", "loans that were completed", count("is_completed")),
            feature(
                "POS_LOANS_COMPLETED_SHARE",
                "share",
                "part of the loans that was completed",
                share("is_completed"),
            ),
            feature("POS_LOANS_NEW", "loan", "loans that began in the last year", count("began_in_12")),
            feature(
                "POS_LOANS_FINISHED_EARLY_SHARE",
                "share",
                "part of the completed loans paid back early",
                share("is_finished_early", "is_completed"),
            ),
            feature(
                "POS_LOANS_CHANGED_TERM", "loan", "loans whose term was changed", count("has_changed_term")
            ),
            feature("POS_LOANS_TERM_MEAN", "instalment", "mean term of the loans", mean("total_term")),
            feature(
                "POS_LOANS_LEFT",
                "instalment",
                "instalments left on the loans that run",
                total("left", "is_running"),
            ),
            feature(
                "POS_LOANS_LEFT_TO_TERM",
                "share",
                "part of the running loans' instalments that is left",
                part("left", "total_term", "is_running"),
            ),
        ),
        *in_group(
            "LOAN_ARREARS",
            feature("POS_LOANS_LATE", "loan", "loans with a month past due", count("was_late")),
            feature(
                "POS_LOANS_LATE_SHARE", "share", "part of the loans with a month past due", share("was_late")
            ),
            feature(
                "POS_LOANS_SERIOUS", "loan", "loans past due with more than small sums", count("was_serious")
            ),
            feature(
                "POS_LOANS_LATE_EARLY",
                "loan",
                "loans past due within the first three instalments",
                count("was_late_early"),
            ),
            feature(
                "POS_LOANS_RUNNING_WORST",
                "day",
                "most days past due on a loan that runs",
                largest("worst", "is_running"),
            ),
            feature(
                "POS_LOANS_LATE_PER_COMPLETED",
                "ratio",
                "loans once late over loans completed",
                Ratio("POS_LOANS_LATE", "POS_LOANS_COMPLETED"),
            ),
        ),
    ),
)
