"""bureau: credits that other lenders reported to the credit bureau.

Point in time: a row that was updated after the application (DAYS_CREDIT_UPDATE > 0, a handful in
the public data) tells what happened afterwards, so it is left out as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feature_service.views.recency import with_place
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
    smallest,
    spread,
    total,
    whole,
    within,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Planned ends before the oldest possible credit are typing errors (-42060 is the published minimum).
_OLDEST_END_DAYS: Final = -10_000
#: From here on a credit counts as nearly used up.
_HIGHLY_DRAWN: Final = 0.8


def _rows(tables: Tables) -> ir.Table:
    rows: Any = tables["bureau"]
    known = rows.filter(
        (rows.DAYS_CREDIT <= 0) & ((rows.DAYS_CREDIT_UPDATE <= 0) | rows.DAYS_CREDIT_UPDATE.isnull())
    )
    ends = known.mutate(
        planned_end=(known.DAYS_CREDIT_ENDDATE >= _OLDEST_END_DAYS).ifelse(known.DAYS_CREDIT_ENDDATE, None),
        actual_end=(known.DAYS_ENDDATE_FACT >= _OLDEST_END_DAYS).ifelse(known.DAYS_ENDDATE_FACT, None),
    )
    return with_place(ends, newest_by="DAYS_CREDIT", tie_break="SK_ID_BUREAU")


def _drawn(rows: Any) -> Any:
    return over(rows.AMT_CREDIT_SUM_DEBT, rows.AMT_CREDIT_SUM)


_COLUMNS: Final[tuple[Column, ...]] = (
    one_of("is_active", "CREDIT_ACTIVE", "Active"),
    one_of("is_closed", "CREDIT_ACTIVE", "Closed"),
    one_of("is_given_up", "CREDIT_ACTIVE", "Sold", "Bad debt"),
    one_of("is_consumer", "CREDIT_TYPE", "Consumer credit", "Cash loan (non-earmarked)"),
    one_of("is_card", "CREDIT_TYPE", "Credit card"),
    one_of("is_car", "CREDIT_TYPE", "Car loan"),
    one_of("is_mortgage", "CREDIT_TYPE", "Mortgage", "Real estate loan"),
    one_of("is_micro", "CREDIT_TYPE", "Microloan"),
    one_of(
        "is_business",
        "CREDIT_TYPE",
        "Loan for business development",
        "Loan for working capital replenishment",
        "Loan for the purchase of equipment",
    ),
    flag("is_foreign", lambda rows: rows.CREDIT_CURRENCY != "currency 1", "CREDIT_CURRENCY"),
    ago("opened_ago", "DAYS_CREDIT"),
    within("in_90", "DAYS_CREDIT", 90),
    within("in_180", "DAYS_CREDIT", 180),
    within("in_365", "DAYS_CREDIT", 365),
    within("in_730", "DAYS_CREDIT", 730),
    flag("is_last", lambda rows: rows.place == 1, "DAYS_CREDIT"),
    flag("is_last_3", lambda rows: rows.place <= 3, "DAYS_CREDIT"),
    Column("days_left", lambda rows: rows.planned_end, ("DAYS_CREDIT_ENDDATE",)),
    Column(
        "planned_days",
        lambda rows: rows.planned_end - rows.DAYS_CREDIT,
        ("DAYS_CREDIT_ENDDATE", "DAYS_CREDIT"),
    ),
    Column("closed_ago", lambda rows: -rows.actual_end, ("DAYS_ENDDATE_FACT",)),
    within("closed_in_365", "DAYS_ENDDATE_FACT", 365),
    Column(
        "early_days",
        lambda rows: rows.planned_end - rows.actual_end,
        ("DAYS_CREDIT_ENDDATE", "DAYS_ENDDATE_FACT"),
    ),
    flag(
        "has_two_ends",
        lambda rows: rows.planned_end.notnull() & rows.actual_end.notnull(),
        "DAYS_CREDIT_ENDDATE",
        "DAYS_ENDDATE_FACT",
    ),
    flag(
        "is_closed_late",
        lambda rows: rows.actual_end > rows.planned_end,
        "DAYS_CREDIT_ENDDATE",
        "DAYS_ENDDATE_FACT",
    ),
    flag(
        "is_closed_early",
        lambda rows: rows.actual_end < rows.planned_end - 30,
        "DAYS_CREDIT_ENDDATE",
        "DAYS_ENDDATE_FACT",
    ),
    flag("is_past_end", lambda rows: rows.planned_end < 0, "DAYS_CREDIT_ENDDATE"),
    flag(
        "ends_in_365", lambda rows: (rows.planned_end >= 0) & (rows.planned_end <= 365), "DAYS_CREDIT_ENDDATE"
    ),
    ago("updated_ago", "DAYS_CREDIT_UPDATE"),
    money("credit", "AMT_CREDIT_SUM"),
    money("debt", "AMT_CREDIT_SUM_DEBT"),
    money("limit", "AMT_CREDIT_SUM_LIMIT"),
    money("overdue", "AMT_CREDIT_SUM_OVERDUE"),
    money("worst_overdue", "AMT_CREDIT_MAX_OVERDUE"),
    money("annuity", "AMT_ANNUITY"),
    whole("overdue_days", "CREDIT_DAY_OVERDUE"),
    whole("prolongations", "CNT_CREDIT_PROLONG"),
    flag("is_prolonged", lambda rows: rows.CNT_CREDIT_PROLONG > 0, "CNT_CREDIT_PROLONG"),
    flag("is_overdue", lambda rows: rows.CREDIT_DAY_OVERDUE > 0, "CREDIT_DAY_OVERDUE"),
    flag("was_overdue", lambda rows: rows.AMT_CREDIT_MAX_OVERDUE > 0, "AMT_CREDIT_MAX_OVERDUE"),
    flag("tells_overdue", lambda rows: rows.AMT_CREDIT_MAX_OVERDUE.notnull(), "AMT_CREDIT_MAX_OVERDUE"),
    flag("has_debt", lambda rows: rows.AMT_CREDIT_SUM_DEBT > 0, "AMT_CREDIT_SUM_DEBT"),
    rate("drawn", _drawn, "AMT_CREDIT_SUM_DEBT", "AMT_CREDIT_SUM"),
    flag(
        "is_highly_drawn", lambda rows: _drawn(rows) > _HIGHLY_DRAWN, "AMT_CREDIT_SUM_DEBT", "AMT_CREDIT_SUM"
    ),
)

_HISTORY: Final = in_group(
    "BUREAU_HISTORY",
    feature("HAS_BUREAU", "flag", "1 if other lenders reported credits of the applicant", exists()),
    feature("BUREAU_COUNT", "credit", "credits at other lenders, ever", count()),
    feature("BUREAU_ACTIVE_COUNT", "credit", "credits that run", count("is_active")),
    feature("BUREAU_CLOSED_COUNT", "credit", "credits that are closed", count("is_closed")),
    feature("BUREAU_ACTIVE_SHARE", "share", "part of the credits that still runs", share("is_active")),
    feature("BUREAU_CONSUMER_COUNT", "credit", "consumer credits, ever", count("is_consumer")),
    feature("BUREAU_CARD_COUNT", "credit", "credit cards, ever", count("is_card")),
    feature("BUREAU_CAR_COUNT", "credit", "car loans, ever", count("is_car")),
    feature("BUREAU_MORTGAGE_COUNT", "credit", "mortgages, ever", count("is_mortgage")),
    feature(
        "BUREAU_MICRO_COUNT", "credit", "microloans, ever: the credit of who gets no other", count("is_micro")
    ),
    feature("BUREAU_BUSINESS_COUNT", "credit", "loans for a business, ever", count("is_business")),
    feature(
        "BUREAU_ACTIVE_CONSUMER_COUNT",
        "credit",
        "consumer credits that run",
        count("is_active & is_consumer"),
    ),
    feature("BUREAU_ACTIVE_CARD_COUNT", "credit", "credit cards in use", count("is_active & is_card")),
    feature("BUREAU_ACTIVE_MORTGAGE_COUNT", "credit", "mortgages that run", count("is_active & is_mortgage")),
    feature("BUREAU_ACTIVE_MICRO_COUNT", "credit", "microloans that run", count("is_active & is_micro")),
    feature(
        "BUREAU_CONSUMER_SHARE", "share", "part of the credits that is consumer credit", share("is_consumer")
    ),
    feature("BUREAU_CARD_SHARE", "share", "part of the credits that is credit cards", share("is_card")),
    feature("BUREAU_MICRO_SHARE", "share", "part of the credits that is microloans", share("is_micro")),
    feature("BUREAU_FOREIGN_COUNT", "credit", "credits in a rarer currency", count("is_foreign")),
    feature("BUREAU_OLDEST_DAYS", "day", "length of the credit history elsewhere", largest("opened_ago")),
    feature("BUREAU_OPENED_MEAN_DAYS", "day", "mean age of the credits", mean("opened_ago")),
    feature("BUREAU_OPENED_SPREAD_DAYS", "day", "spread of the credits' ages", spread("opened_ago")),
    feature(
        "BUREAU_ACTIVE_OLDEST_DAYS",
        "day",
        "age of the oldest credit that runs",
        largest("opened_ago", "is_active"),
    ),
    feature(
        "BUREAU_ACTIVE_MEAN_DAYS", "day", "mean age of the credits that run", mean("opened_ago", "is_active")
    ),
    feature(
        "BUREAU_CARD_OLDEST_DAYS", "day", "age of the oldest credit card", largest("opened_ago", "is_card")
    ),
    feature("BUREAU_CLOSED_LAST_DAYS", "day", "time since a credit was last closed", smallest("closed_ago")),
    feature("BUREAU_CLOSED_MEAN_DAYS", "day", "mean time since credits were closed", mean("closed_ago")),
    feature("BUREAU_CLOSED_365_COUNT", "credit", "credits closed in the last year", count("closed_in_365")),
    feature(
        "BUREAU_EARLY_MEAN_DAYS",
        "day",
        "how long before the planned end credits were closed",
        mean("early_days", "is_closed"),
    ),
    feature(
        "BUREAU_CLOSED_EARLY_SHARE",
        "share",
        "part of the closed credits paid back a month or more early",
        share("is_closed_early", "has_two_ends"),
    ),
    feature("BUREAU_PLANNED_MEAN_DAYS", "day", "mean planned length of the credits", mean("planned_days")),
    feature(
        "BUREAU_ACTIVE_LEFT_MAX_DAYS",
        "day",
        "time until the last running credit ends",
        largest("days_left", "is_active"),
    ),
    feature(
        "BUREAU_ACTIVE_LEFT_MEAN_DAYS",
        "day",
        "mean time until running credits end",
        mean("days_left", "is_active"),
    ),
    feature(
        "BUREAU_ACTIVE_LEFT_MIN_DAYS",
        "day",
        "time until the next running credit ends",
        smallest("days_left", "is_active"),
    ),
    feature(
        "BUREAU_ENDS_365_COUNT",
        "credit",
        "running credits that end within a year",
        count("is_active & ends_in_365"),
    ),
    feature(
        "BUREAU_UPDATED_LAST_DAYS", "day", "age of the newest report to the bureau", smallest("updated_ago")
    ),
    feature(
        "BUREAU_ACTIVE_UPDATED_MEAN_DAYS",
        "day",
        "mean age of the reports on running credits",
        mean("updated_ago", "is_active"),
    ),
)

_RECENT: Final = in_group(
    "BUREAU_RECENT_CREDIT",
    feature("BUREAU_NEWEST_DAYS", "day", "time since the last credit elsewhere", smallest("opened_ago")),
    feature(
        "BUREAU_ACTIVE_NEWEST_DAYS",
        "day",
        "age of the newest credit that runs",
        smallest("opened_ago", "is_active"),
    ),
    feature(
        "BUREAU_CARD_NEWEST_DAYS", "day", "time since the last credit card", smallest("opened_ago", "is_card")
    ),
    feature(
        "BUREAU_CONSUMER_NEWEST_DAYS",
        "day",
        "time since the last consumer credit",
        smallest("opened_ago", "is_consumer"),
    ),
    feature(
        "BUREAU_MICRO_NEWEST_DAYS", "day", "time since the last microloan", smallest("opened_ago", "is_micro")
    ),
    feature("BUREAU_OPENED_90_COUNT", "credit", "credits opened in the last 90 days", count("in_90")),
    feature("BUREAU_OPENED_180_COUNT", "credit", "credits opened in the last half year", count("in_180")),
    feature("BUREAU_OPENED_365_COUNT", "credit", "credits opened in the last year", count("in_365")),
    feature("BUREAU_OPENED_730_COUNT", "credit", "credits opened in the last two years", count("in_730")),
    feature(
        "BUREAU_OPENED_365_SHARE", "share", "part of the credits opened in the last year", share("in_365")
    ),
    feature(
        "BUREAU_OPENED_PACE",
        "share",
        "credits of the last year over those of the last two: is borrowing speeding up",
        Ratio("BUREAU_OPENED_365_COUNT", "BUREAU_OPENED_730_COUNT"),
    ),
    feature(
        "BUREAU_CREDIT_365_TOTAL",
        "currency",
        "amount borrowed elsewhere in the last year",
        total("credit", "in_365"),
    ),
    feature("BUREAU_LAST_CREDIT", "currency", "amount of the last credit", total("credit", "is_last")),
    feature("BUREAU_LAST_DEBT", "currency", "debt on the last credit", total("debt", "is_last")),
    feature(
        "BUREAU_LAST_3_CREDIT_MEAN",
        "currency",
        "mean amount of the last three credits",
        mean("credit", "is_last_3"),
    ),
)

_DEBT: Final = in_group(
    "BUREAU_DEBT",
    feature("BUREAU_DEBT_TOTAL", "currency", "debt at other lenders", total("debt")),
    feature("BUREAU_ACTIVE_DEBT_TOTAL", "currency", "debt on running credits", total("debt", "is_active")),
    feature("BUREAU_CREDIT_TOTAL", "currency", "amounts of all credits", total("credit")),
    feature(
        "BUREAU_ACTIVE_CREDIT_TOTAL", "currency", "amounts of running credits", total("credit", "is_active")
    ),
    feature(
        "BUREAU_DEBT_TO_CREDIT",
        "share",
        "part of all that was borrowed which is still owed",
        part("debt", "credit"),
    ),
    feature(
        "BUREAU_ACTIVE_DEBT_TO_CREDIT",
        "share",
        "part of the running credits that is still owed",
        part("debt", "credit", "is_active"),
    ),
    feature("BUREAU_DEBT_MAX", "currency", "largest single debt", largest("debt")),
    feature(
        "BUREAU_ACTIVE_DEBT_MEAN", "currency", "mean debt of a running credit", mean("debt", "is_active")
    ),
    feature("BUREAU_CREDIT_MAX", "currency", "largest credit another lender gave", largest("credit")),
    feature("BUREAU_CREDIT_MEAN", "currency", "mean credit", mean("credit")),
    feature("BUREAU_ACTIVE_CREDIT_MEAN", "currency", "mean running credit", mean("credit", "is_active")),
    feature(
        "BUREAU_CLOSED_CREDIT_MEAN", "currency", "mean credit that was paid back", mean("credit", "is_closed")
    ),
    feature("BUREAU_CONSUMER_DEBT", "currency", "debt on consumer credits", total("debt", "is_consumer")),
    feature("BUREAU_CARD_DEBT", "currency", "debt on credit cards", total("debt", "is_card")),
    feature("BUREAU_MORTGAGE_DEBT", "currency", "debt on mortgages", total("debt", "is_mortgage")),
    feature("BUREAU_CAR_DEBT", "currency", "debt on car loans", total("debt", "is_car")),
    feature("BUREAU_MICRO_DEBT", "currency", "debt on microloans", total("debt", "is_micro")),
    feature("BUREAU_LIMIT_TOTAL", "currency", "free limits of the credit cards", total("limit")),
    feature(
        "BUREAU_LIMIT_TO_CREDIT",
        "share",
        "free card limit over the cards' amounts",
        part("limit", "credit", "is_active & is_card"),
    ),
    feature(
        "BUREAU_CARD_DEBT_TO_CREDIT",
        "share",
        "part of the running cards' amounts that is drawn",
        part("debt", "credit", "is_active & is_card"),
    ),
    feature(
        "BUREAU_DRAWN_MAX",
        "share",
        "most drawn running credit: debt over amount",
        largest("drawn", "is_active"),
    ),
    feature(
        "BUREAU_DRAWN_MEAN",
        "share",
        "mean of debt over amount on running credits",
        mean("drawn", "is_active"),
    ),
    feature(
        "BUREAU_HIGHLY_DRAWN_COUNT",
        "credit",
        "running credits with over 80 % still owed",
        count("is_active & is_highly_drawn"),
    ),
    feature("BUREAU_WITH_DEBT_COUNT", "credit", "credits with debt", count("has_debt")),
    feature(
        "BUREAU_ACTIVE_ANNUITY_TOTAL",
        "currency",
        "yearly or monthly dues on running credits, where told",
        total("annuity", "is_active"),
    ),
    feature(
        "BUREAU_DEBT_TO_ANNUITY",
        "period",
        "dues left to pay on running credits, where told",
        part("debt", "annuity", "is_active"),
    ),
)

_DELINQUENCY: Final = in_group(
    "BUREAU_DELINQUENCY",
    feature("BUREAU_OVERDUE_COUNT", "credit", "credits overdue at the application", count("is_overdue")),
    feature("BUREAU_OVERDUE_TOTAL", "currency", "amount overdue at the application", total("overdue")),
    feature(
        "BUREAU_OVERDUE_DAYS_MAX", "day", "longest time overdue at the application", largest("overdue_days")
    ),
    feature("BUREAU_OVERDUE_TO_DEBT", "share", "part of the debt that is overdue", part("overdue", "debt")),
    feature("BUREAU_EVER_OVERDUE_COUNT", "credit", "credits that were ever overdue", count("was_overdue")),
    feature(
        "BUREAU_EVER_OVERDUE_SHARE",
        "share",
        "part of the credits that were ever overdue, where told",
        share("was_overdue", "tells_overdue"),
    ),
    feature(
        "BUREAU_EVER_OVERDUE_730_COUNT",
        "credit",
        "credits of the last two years that were ever overdue",
        count("was_overdue & in_730"),
    ),
    feature(
        "BUREAU_ACTIVE_EVER_OVERDUE_COUNT",
        "credit",
        "running credits that were ever overdue",
        count("was_overdue & is_active"),
    ),
    feature("BUREAU_WORST_OVERDUE_MAX", "currency", "largest amount ever overdue", largest("worst_overdue")),
    feature(
        "BUREAU_WORST_OVERDUE_MEAN",
        "currency",
        "mean of the credits' largest overdue amounts",
        mean("worst_overdue"),
    ),
    feature(
        "BUREAU_WORST_OVERDUE_TO_CREDIT",
        "share",
        "largest overdue amounts over the credits' amounts",
        part("worst_overdue", "credit"),
    ),
    feature("BUREAU_PROLONGATIONS", "time", "how often credits were prolonged", total("prolongations")),
    feature("BUREAU_PROLONGED_COUNT", "credit", "credits that were prolonged", count("is_prolonged")),
    feature(
        "BUREAU_PAST_END_COUNT",
        "credit",
        "credits that run beyond their planned end",
        count("is_active & is_past_end"),
    ),
    feature(
        "BUREAU_CLOSED_LATE_COUNT",
        "credit",
        "credits closed after their planned end",
        count("is_closed_late"),
    ),
    feature(
        "BUREAU_CLOSED_LATE_SHARE",
        "share",
        "part of the closed credits that ended late",
        share("is_closed_late", "has_two_ends"),
    ),
    feature(
        "BUREAU_GIVEN_UP_COUNT", "credit", "credits sold to a collector or written off", count("is_given_up")
    ),
)

VIEW: Final = View(
    tables=("bureau",), rows=_rows, columns=_COLUMNS, features=(*_HISTORY, *_RECENT, *_DEBT, *_DELINQUENCY)
)
