"""previous_application: amounts, terms and prices of earlier applications, and how the loans ended.

365243 in one of the five DAYS_ columns means "no such day": missing, and for the end of a loan also
"still open". A planned day may lie ahead; a day that something happened may not, and is missing then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feature_service.application import SENTINEL_DAYS
from feature_service.views.previous import OUTCOME_COLUMNS, known_applications
from feature_service.views.view import (
    Column,
    Ratio,
    Tables,
    View,
    count,
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
)

if TYPE_CHECKING:
    import ibis.expr.types as ir


def _rows(tables: Tables) -> ir.Table:
    rows: Any = known_applications(tables)
    happened = ("DAYS_FIRST_DRAWING", "DAYS_FIRST_DUE", "DAYS_LAST_DUE", "DAYS_TERMINATION")
    planned = rows.DAYS_LAST_DUE_1ST_VERSION
    result: ir.Table = rows.mutate(
        **{name.lower(): (rows[name] <= 0).ifelse(rows[name], None) for name in happened},
        planned_end=(planned < SENTINEL_DAYS).ifelse(planned, None),
        cost=rows.AMT_ANNUITY * rows.CNT_PAYMENT,
    )
    return result


def _cost_rate(rows: Any) -> Any:
    """What is paid beyond the credit, per unit of credit; 0 < term only."""
    has_terms = (rows.CNT_PAYMENT > 0) & (rows.AMT_CREDIT > 0)
    return has_terms.ifelse(over(rows.cost - rows.AMT_CREDIT, rows.AMT_CREDIT), None)


_TERMS: Final = ("AMT_ANNUITY", "CNT_PAYMENT", "AMT_CREDIT")
_GRANT: Final = ("AMT_CREDIT", "AMT_APPLICATION")

_COLUMNS: Final[tuple[Column, ...]] = (
    *OUTCOME_COLUMNS,
    money("asked", "AMT_APPLICATION"),
    money("granted", "AMT_CREDIT"),
    money("annuity", "AMT_ANNUITY"),
    money("goods", "AMT_GOODS_PRICE"),
    money("down_payment", "AMT_DOWN_PAYMENT"),
    rate("down_payment_rate", lambda rows: rows.RATE_DOWN_PAYMENT, "RATE_DOWN_PAYMENT"),
    rate("interest_rate", lambda rows: rows.RATE_INTEREST_PRIMARY, "RATE_INTEREST_PRIMARY"),
    whole("term", "CNT_PAYMENT"),
    rate("cost_rate", _cost_rate, *_TERMS),
    rate("cost_rate_per_period", lambda rows: over(_cost_rate(rows), rows.CNT_PAYMENT), *_TERMS),
    rate("granted_to_asked", lambda rows: over(rows.AMT_CREDIT, rows.AMT_APPLICATION), *_GRANT),
    flag("has_asked", lambda rows: rows.AMT_APPLICATION > 0, "AMT_APPLICATION"),
    flag("is_cut", lambda rows: rows.AMT_CREDIT < rows.AMT_APPLICATION, *_GRANT),
    one_of("is_dear", "NAME_YIELD_GROUP", "high"),
    one_of("is_cheap", "NAME_YIELD_GROUP", "low_normal", "low_action"),
    flag("is_insured", lambda rows: rows.NFLAG_INSURED_ON_APPROVAL > 0, "NFLAG_INSURED_ON_APPROVAL"),
    flag("is_open", lambda rows: rows.DAYS_TERMINATION == SENTINEL_DAYS, "DAYS_TERMINATION"),
    flag("was_drawn", lambda rows: rows.days_first_drawing.notnull(), "DAYS_FIRST_DRAWING"),
    Column("ended_ago", lambda rows: -rows.days_termination, ("DAYS_TERMINATION",)),
    Column("first_due_ago", lambda rows: -rows.days_first_due, ("DAYS_FIRST_DUE",)),
    Column("days_left", lambda rows: rows.planned_end, ("DAYS_LAST_DUE_1ST_VERSION",)),
    Column(
        "overrun_days",
        lambda rows: rows.days_last_due - rows.planned_end,
        ("DAYS_LAST_DUE", "DAYS_LAST_DUE_1ST_VERSION"),
    ),
    flag(
        "is_ended_early",
        lambda rows: rows.days_last_due < rows.planned_end,
        "DAYS_LAST_DUE",
        "DAYS_LAST_DUE_1ST_VERSION",
    ),
    flag("has_ended", lambda rows: rows.days_last_due.notnull(), "DAYS_LAST_DUE"),
)

_AMOUNTS: Final = in_group(
    "PREVIOUS_LOANS",
    feature("PREV_ASKED_MEAN", "currency", "mean amount asked for", mean("asked", "has_asked")),
    feature("PREV_ASKED_MAX", "currency", "largest amount asked for", largest("asked")),
    feature("PREV_ASKED_LAST", "currency", "amount asked for last time", total("asked", "is_last")),
    feature("PREV_GRANTED_TOTAL", "currency", "amounts granted, ever", total("granted", "is_approved")),
    feature("PREV_GRANTED_MEAN", "currency", "mean amount granted", mean("granted", "is_approved")),
    feature(
        "PREV_GRANTED_MAX",
        "currency",
        "largest amount granted: what the customer has carried before",
        largest("granted", "is_approved"),
    ),
    feature(
        "PREV_GRANTED_365_TOTAL",
        "currency",
        "amounts granted in the last year",
        total("granted", "is_approved & in_365"),
    ),
    feature(
        "PREV_GRANTED_LAST",
        "currency",
        "amount granted last",
        mean("granted", "is_approved & is_last_in_status"),
    ),
    feature(
        "PREV_REFUSED_ASKED_MEAN",
        "currency",
        "mean amount of the refused applications",
        mean("asked", "is_refused & has_asked"),
    ),
    feature("PREV_REFUSED_ASKED_MAX", "currency", "largest amount refused", largest("asked", "is_refused")),
    feature(
        "PREV_REFUSED_TO_APPROVED_ASKED",
        "ratio",
        "largest amount refused over the largest granted: does ambition exceed capacity",
        Ratio("PREV_REFUSED_ASKED_MAX", "PREV_GRANTED_MAX"),
    ),
    feature(
        "PREV_ASKED_SLOPE",
        "currency/day",
        "change of the amounts asked for, per day back in time",
        slope("asked", "decided_ago", "has_asked"),
    ),
    feature(
        "PREV_GRANTED_TO_ASKED_MEAN",
        "ratio",
        "granted over asked, mean",
        mean("granted_to_asked", "has_asked"),
    ),
    feature(
        "PREV_GRANTED_TO_ASKED_MIN",
        "ratio",
        "granted over asked, smallest",
        smallest("granted_to_asked", "has_asked"),
    ),
    feature(
        "PREV_GRANTED_TO_ASKED_MAX",
        "ratio",
        "granted over asked, largest: insurance and fees on top",
        largest("granted_to_asked", "has_asked"),
    ),
    feature(
        "PREV_GRANTED_TO_ASKED_LAST",
        "ratio",
        "granted over asked, last time",
        mean("granted_to_asked", "is_last"),
    ),
    feature(
        "PREV_CUT_SHARE",
        "share",
        "part of the approvals for less than was asked",
        share("is_cut", "is_approved"),
    ),
    feature(
        "PREV_ANNUITY_MEAN", "currency", "mean instalment of the approved", mean("annuity", "is_approved")
    ),
    feature(
        "PREV_ANNUITY_MAX",
        "currency",
        "largest instalment of the approved",
        largest("annuity", "is_approved"),
    ),
    feature(
        "PREV_ANNUITY_LAST",
        "currency",
        "instalment of the last loan granted",
        mean("annuity", "is_approved & is_last_in_status"),
    ),
    feature(
        "PREV_GOODS_MEAN",
        "currency",
        "mean price of the goods bought on credit",
        mean("goods", "is_approved"),
    ),
    feature(
        "PREV_DOWN_PAYMENT_TOTAL", "currency", "down payments made", total("down_payment", "is_approved")
    ),
    feature(
        "PREV_DOWN_PAYMENT_MAX", "currency", "largest down payment", largest("down_payment", "is_approved")
    ),
    feature(
        "PREV_DOWN_PAYMENT_RATE_MEAN",
        "share",
        "mean down payment over the price",
        mean("down_payment_rate", "is_approved"),
    ),
    feature(
        "PREV_DOWN_PAYMENT_RATE_MAX",
        "share",
        "largest down payment over the price",
        largest("down_payment_rate", "is_approved"),
    ),
    feature(
        "PREV_DOWN_PAYMENT_RATE_LAST",
        "share",
        "down payment over the price, last loan granted",
        mean("down_payment_rate", "is_approved & is_last_in_status"),
    ),
)

_CONDITIONS: Final = in_group(
    "PREVIOUS_TERMS",
    feature("PREV_TERM_MEAN", "period", "mean term of the loans granted", mean("term", "is_approved")),
    feature("PREV_TERM_MAX", "period", "longest term granted", largest("term", "is_approved")),
    feature("PREV_TERM_TOTAL", "period", "terms of all loans granted", total("term", "is_approved")),
    feature("PREV_TERM_SPREAD", "period", "spread of the terms granted", spread("term", "is_approved")),
    feature(
        "PREV_TERM_LAST",
        "period",
        "term of the last loan granted",
        mean("term", "is_approved & is_last_in_status"),
    ),
    feature(
        "PREV_TERM_LAST_3_MEAN",
        "period",
        "mean term of the last three applications",
        mean("term", "is_last_3"),
    ),
    feature(
        "PREV_COST_RATE_MEAN",
        "share",
        "mean cost of a loan over its amount: instalments times term, beyond the credit",
        mean("cost_rate", "is_approved"),
    ),
    feature(
        "PREV_COST_RATE_MAX",
        "share",
        "cost of the dearest loan over its amount",
        largest("cost_rate", "is_approved"),
    ),
    feature(
        "PREV_COST_RATE_LAST",
        "share",
        "cost of the last loan granted over its amount",
        mean("cost_rate", "is_approved & is_last_in_status"),
    ),
    feature(
        "PREV_COST_PER_PERIOD_MEAN",
        "share",
        "mean cost per period over the amount",
        mean("cost_rate_per_period", "is_approved"),
    ),
    feature(
        "PREV_COST_PER_PERIOD_MAX",
        "share",
        "largest cost per period over the amount",
        largest("cost_rate_per_period", "is_approved"),
    ),
    feature(
        "PREV_INTEREST_RATE_MEAN",
        "share",
        "mean stated interest rate, scaled; stated for few loans",
        mean("interest_rate"),
    ),
    feature(
        "PREV_DEAR_SHARE",
        "share",
        "part of the approvals at a high rate: how risk was priced before",
        share("is_dear", "is_approved"),
    ),
    feature(
        "PREV_CHEAP_SHARE", "share", "part of the approvals at a low rate", share("is_cheap", "is_approved")
    ),
    feature(
        "PREV_LAST_IS_DEAR",
        "flag",
        "1 if the last loan granted was at a high rate",
        count("is_dear & is_approved & is_last_in_status"),
    ),
    feature(
        "PREV_INSURED_SHARE",
        "share",
        "part of the approvals with insurance",
        share("is_insured", "is_approved"),
    ),
)

_ENDS: Final = in_group(
    "RUNNING_LOANS",
    feature(
        "PREV_OPEN_COUNT",
        "loan",
        "loans here that still run (their end is 365243)",
        count("is_open & is_approved"),
    ),
    feature(
        "PREV_OPEN_SHARE",
        "share",
        "part of the loans granted that still runs",
        share("is_open", "is_approved"),
    ),
    feature(
        "PREV_OPEN_GRANTED_TOTAL",
        "currency",
        "amounts of the loans that still run",
        total("granted", "is_open & is_approved"),
    ),
    feature(
        "PREV_OPEN_ANNUITY_TOTAL",
        "currency",
        "instalments due each month on loans that still run",
        total("annuity", "is_open & is_approved"),
    ),
    feature(
        "PREV_OPEN_COST_SHARE",
        "share",
        "part of all granted that still runs",
        Ratio("PREV_OPEN_GRANTED_TOTAL", "PREV_GRANTED_TOTAL"),
    ),
    feature(
        "PREV_LEFT_MAX_DAYS",
        "day",
        "time until the last loan here ends as planned",
        largest("days_left", "is_approved"),
    ),
    feature("PREV_ENDED_NEWEST_DAYS", "day", "time since a loan here last ended", smallest("ended_ago")),
    feature(
        "PREV_FIRST_DUE_NEWEST_DAYS",
        "day",
        "time since the newest loan's first instalment",
        smallest("first_due_ago"),
    ),
    feature(
        "PREV_FIRST_DUE_OLDEST_DAYS", "day", "time since the very first instalment", largest("first_due_ago")
    ),
    feature("PREV_DRAWN_CARD_COUNT", "card", "cards that were drawn on", count("was_drawn & is_revolving")),
    feature(
        "PREV_OVERRUN_MEAN_DAYS",
        "day",
        "mean time that loans ended after (or before, negative) the first plan",
        mean("overrun_days"),
    ),
    feature(
        "PREV_OVERRUN_MAX_DAYS",
        "day",
        "longest time that a loan ended after the first plan",
        largest("overrun_days"),
    ),
    feature(
        "PREV_ENDED_EARLY_SHARE",
        "share",
        "part of the ended loans paid back before the first plan",
        share("is_ended_early", "has_ended"),
    ),
    feature(
        "PREV_ANNUITY_TO_GRANTED",
        "share",
        "instalments over amounts of the loans granted",
        part("annuity", "granted", "is_approved"),
    ),
)

VIEW: Final = View(
    tables=("previous_application",),
    rows=_rows,
    columns=_COLUMNS,
    features=(*_AMOUNTS, *_CONDITIONS, *_ENDS),
)
