"""previous_application: what the applicant asked Home Credit for before, and what came of it.

Decisions, reasons, timing and channels; the money and the terms are in `previous_terms`.
Point in time: only applications decided up to now (DAYS_DECISION <= 0).
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
    one_of,
    share,
    smallest,
    spread,
    within,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir


def known_applications(tables: Tables) -> ir.Table:
    """Earlier applications decided before this one, with their place among all and among the approved."""
    rows: Any = tables["previous_application"]
    known = rows.filter(rows.DAYS_DECISION <= 0)
    placed: Any = with_place(known, newest_by="DAYS_DECISION", tie_break="SK_ID_PREV")
    return with_place(
        placed,
        newest_by="DAYS_DECISION",
        tie_break="SK_ID_PREV",
        within=("NAME_CONTRACT_STATUS",),
        name="place_in_status",
    )


#: Read by both views of the table.
OUTCOME_COLUMNS: Final[tuple[Column, ...]] = (
    one_of("is_approved", "NAME_CONTRACT_STATUS", "Approved"),
    one_of("is_refused", "NAME_CONTRACT_STATUS", "Refused"),
    one_of("is_canceled", "NAME_CONTRACT_STATUS", "Canceled"),
    one_of("is_unused", "NAME_CONTRACT_STATUS", "Unused offer"),
    one_of("is_cash", "NAME_CONTRACT_TYPE", "Cash loans"),
    one_of("is_consumer", "NAME_CONTRACT_TYPE", "Consumer loans"),
    one_of("is_revolving", "NAME_CONTRACT_TYPE", "Revolving loans"),
    within("in_90", "DAYS_DECISION", 90),
    within("in_180", "DAYS_DECISION", 180),
    within("in_365", "DAYS_DECISION", 365),
    within("in_730", "DAYS_DECISION", 730),
    flag("is_last", lambda rows: rows.place == 1, "DAYS_DECISION"),
    flag("is_last_3", lambda rows: rows.place <= 3, "DAYS_DECISION"),
    flag("is_last_5", lambda rows: rows.place <= 5, "DAYS_DECISION"),
    flag(
        "is_last_in_status", lambda rows: rows.place_in_status == 1, "DAYS_DECISION", "NAME_CONTRACT_STATUS"
    ),
    ago("decided_ago", "DAYS_DECISION"),
)

_COLUMNS: Final[tuple[Column, ...]] = (
    *OUTCOME_COLUMNS,
    one_of("by_policy", "CODE_REJECT_REASON", "HC"),
    one_of("by_limit", "CODE_REJECT_REASON", "LIMIT"),
    one_of("by_score", "CODE_REJECT_REASON", "SCO"),
    one_of("by_fraud_score", "CODE_REJECT_REASON", "SCOFR"),
    one_of("by_verification", "CODE_REJECT_REASON", "VERIF"),
    one_of("is_new", "NAME_CLIENT_TYPE", "New"),
    one_of("is_refreshed", "NAME_CLIENT_TYPE", "Refreshed"),
    one_of("is_cross_sold", "NAME_PRODUCT_TYPE", "x-sell"),
    one_of("is_walk_in", "NAME_PRODUCT_TYPE", "walk-in"),
    one_of("at_office", "CHANNEL_TYPE", "Credit and cash offices"),
    one_of("at_shop", "CHANNEL_TYPE", "Country-wide", "Stone", "Regional / Local", "Car dealer"),
    one_of("by_phone", "CHANNEL_TYPE", "Contact center"),
    one_of("by_agent", "CHANNEL_TYPE", "AP+ (Cash loan)"),
    one_of("for_mobile", "NAME_GOODS_CATEGORY", "Mobile"),
    one_of(
        "for_electronics",
        "NAME_GOODS_CATEGORY",
        "Consumer Electronics",
        "Computers",
        "Audio/Video",
        "Photo / Cinema Equipment",
    ),
    one_of(
        "for_home", "NAME_GOODS_CATEGORY", "Furniture", "Construction Materials", "Homewares", "Gardening"
    ),
    one_of("for_debts", "NAME_CASH_LOAN_PURPOSE", "Payments on other loans"),
    one_of("for_urgent_needs", "NAME_CASH_LOAN_PURPOSE", "Urgent needs", "Everyday expenses", "Medicine"),
    one_of("for_repairs", "NAME_CASH_LOAN_PURPOSE", "Repairs", "Car repairs"),
    flag(
        "is_repeated",
        lambda rows: (rows.FLAG_LAST_APPL_PER_CONTRACT == "N") | (rows.NFLAG_LAST_APPL_IN_DAY == 0),
        "FLAG_LAST_APPL_PER_CONTRACT",
        "NFLAG_LAST_APPL_IN_DAY",
    ),
    one_of("is_unaccompanied", "NAME_TYPE_SUITE", "Unaccompanied"),
    one_of("pays_by_bank", "NAME_PAYMENT_TYPE", "Cash through the bank"),
)

_OUTCOMES: Final = in_group(
    "PREVIOUS_OUTCOMES",
    feature(
        "PREV_REFUSED_COUNT", "application", "earlier applications that were refused", count("is_refused")
    ),
    feature(
        "PREV_REFUSED_SHARE",
        "share",
        "part of the earlier applications that was refused",
        share("is_refused"),
    ),
    feature(
        "PREV_REFUSED_365_COUNT", "application", "refusals in the last year", count("is_refused & in_365")
    ),
    feature(
        "PREV_REFUSED_730_SHARE",
        "share",
        "part of the last two years' applications that was refused",
        share("is_refused", "in_730"),
    ),
    feature(
        "PREV_REFUSED_LAST_3_SHARE",
        "share",
        "part of the last three applications that was refused",
        share("is_refused", "is_last_3"),
    ),
    feature(
        "PREV_REFUSED_LAST_5_SHARE",
        "share",
        "part of the last five applications that was refused",
        share("is_refused", "is_last_5"),
    ),
    feature(
        "PREV_LAST_IS_REFUSED", "flag", "1 if the last application was refused", count("is_refused & is_last")
    ),
    feature(
        "PREV_LAST_IS_APPROVED",
        "flag",
        "1 if the last application was approved",
        count("is_approved & is_last"),
    ),
    feature(
        "PREV_REFUSED_NEWEST_DAYS",
        "day",
        "time since the last refusal",
        smallest("decided_ago", "is_refused"),
    ),
    feature(
        "PREV_CASH_REFUSED_SHARE",
        "share",
        "part of the cash loans asked for that was refused",
        share("is_refused", "is_cash"),
    ),
    feature(
        "PREV_CONSUMER_REFUSED_SHARE",
        "share",
        "part of the consumer loans asked for that was refused",
        share("is_refused", "is_consumer"),
    ),
    feature(
        "PREV_REFUSED_BY_POLICY_COUNT",
        "application",
        "refusals by the lender's own rules (HC)",
        count("by_policy"),
    ),
    feature(
        "PREV_REFUSED_BY_LIMIT_COUNT",
        "application",
        "refusals because the limit was reached (LIMIT)",
        count("by_limit"),
    ),
    feature(
        "PREV_REFUSED_BY_SCORE_COUNT", "application", "refusals by the credit score (SCO)", count("by_score")
    ),
    feature(
        "PREV_REFUSED_BY_FRAUD_SCORE_COUNT",
        "application",
        "refusals by the fraud score (SCOFR)",
        count("by_fraud_score"),
    ),
    feature(
        "PREV_REFUSED_BY_VERIFICATION_COUNT",
        "application",
        "refusals because facts could not be verified (VERIF)",
        count("by_verification"),
    ),
    feature(
        "PREV_CANCELED_COUNT", "application", "applications the applicant called off", count("is_canceled")
    ),
    feature(
        "PREV_CANCELED_SHARE", "share", "part of the applications that was called off", share("is_canceled")
    ),
    feature("PREV_UNUSED_COUNT", "application", "offers that were not taken up", count("is_unused")),
    feature(
        "PREV_REPEATED_COUNT",
        "application",
        "applications made twice for a contract or a day",
        count("is_repeated"),
    ),
)

_HISTORY: Final = in_group(
    "PREVIOUS_LOANS",
    feature("HAS_PREVIOUS", "flag", "1 if the applicant applied here before", exists()),
    feature("PREV_COUNT", "application", "earlier applications", count()),
    feature(
        "PREV_APPROVED_COUNT", "application", "earlier applications that were approved", count("is_approved")
    ),
    feature(
        "PREV_APPROVED_SHARE",
        "share",
        "part of the earlier applications that was approved",
        share("is_approved"),
    ),
    feature(
        "PREV_APPROVED_365_COUNT", "application", "approvals in the last year", count("is_approved & in_365")
    ),
    feature(
        "PREV_90_COUNT",
        "application",
        "applications in the last 90 days: hurried search for money",
        count("in_90"),
    ),
    feature("PREV_180_COUNT", "application", "applications in the last half year", count("in_180")),
    feature("PREV_365_COUNT", "application", "applications in the last year", count("in_365")),
    feature("PREV_730_COUNT", "application", "applications in the last two years", count("in_730")),
    feature(
        "PREV_PACE",
        "share",
        "applications of the last year over those of the last two",
        Ratio("PREV_365_COUNT", "PREV_730_COUNT"),
    ),
    feature("PREV_NEWEST_DAYS", "day", "time since the last application", smallest("decided_ago")),
    feature(
        "PREV_OLDEST_DAYS",
        "day",
        "time since the first application: how long the customer is known",
        largest("decided_ago"),
    ),
    feature("PREV_MEAN_DAYS", "day", "mean age of the applications", mean("decided_ago")),
    feature("PREV_SPREAD_DAYS", "day", "spread of the applications' ages", spread("decided_ago")),
    feature(
        "PREV_APPROVED_NEWEST_DAYS",
        "day",
        "time since the last approval",
        smallest("decided_ago", "is_approved"),
    ),
    feature(
        "PREV_APPROVED_OLDEST_DAYS",
        "day",
        "time since the first approval",
        largest("decided_ago", "is_approved"),
    ),
    feature("PREV_CASH_COUNT", "application", "cash loans asked for", count("is_cash")),
    feature("PREV_CONSUMER_COUNT", "application", "consumer loans asked for", count("is_consumer")),
    feature("PREV_REVOLVING_COUNT", "application", "credit cards asked for", count("is_revolving")),
    feature("PREV_CASH_APPROVED_COUNT", "application", "cash loans granted", count("is_cash & is_approved")),
    feature(
        "PREV_CONSUMER_APPROVED_COUNT",
        "application",
        "consumer loans granted",
        count("is_consumer & is_approved"),
    ),
    feature(
        "PREV_REVOLVING_APPROVED_COUNT",
        "application",
        "credit cards granted",
        count("is_revolving & is_approved"),
    ),
    feature("PREV_CASH_SHARE", "share", "part of the applications that asked for cash", share("is_cash")),
    feature(
        "PREV_REVOLVING_SHARE",
        "share",
        "part of the applications that asked for a card",
        share("is_revolving"),
    ),
    feature(
        "PREV_CASH_NEWEST_DAYS",
        "day",
        "time since cash was last asked for",
        smallest("decided_ago", "is_cash"),
    ),
)

_CIRCUMSTANCES: Final = in_group(
    "PREVIOUS_CIRCUMSTANCES",
    feature(
        "PREV_NEW_CLIENT_SHARE", "share", "part of the applications made as a new customer", share("is_new")
    ),
    feature(
        "PREV_REFRESHED_SHARE",
        "share",
        "part of the applications made as a returning customer",
        share("is_refreshed"),
    ),
    feature(
        "PREV_CROSS_SOLD_SHARE",
        "share",
        "part of the applications that the lender offered",
        share("is_cross_sold"),
    ),
    feature(
        "PREV_WALK_IN_SHARE",
        "share",
        "part of the applications that the applicant came in for",
        share("is_walk_in"),
    ),
    feature(
        "PREV_OFFICE_SHARE",
        "share",
        "part of the applications made at an office of the lender",
        share("at_office"),
    ),
    feature("PREV_SHOP_SHARE", "share", "part of the applications made in a shop", share("at_shop")),
    feature("PREV_PHONE_SHARE", "share", "part of the applications made by phone", share("by_phone")),
    feature(
        "PREV_AGENT_COUNT", "application", "cash loans asked for through an agent (AP+)", count("by_agent")
    ),
    feature("PREV_MOBILE_COUNT", "application", "loans for a mobile phone", count("for_mobile")),
    feature("PREV_ELECTRONICS_COUNT", "application", "loans for electronics", count("for_electronics")),
    feature("PREV_HOME_COUNT", "application", "loans for furniture and the home", count("for_home")),
    feature("PREV_FOR_DEBTS_COUNT", "application", "cash asked for to pay other loans", count("for_debts")),
    feature(
        "PREV_FOR_URGENT_NEEDS_COUNT",
        "application",
        "cash asked for urgent or everyday needs",
        count("for_urgent_needs"),
    ),
    feature("PREV_FOR_REPAIRS_COUNT", "application", "cash asked for repairs", count("for_repairs")),
    feature(
        "PREV_UNACCOMPANIED_SHARE",
        "share",
        "part of the applications made without company",
        share("is_unaccompanied"),
    ),
    feature(
        "PREV_BY_BANK_SHARE",
        "share",
        "part of the applications to be paid through a bank",
        share("pays_by_bank"),
    ),
)

VIEW: Final = View(
    tables=("previous_application",),
    rows=known_applications,
    columns=_COLUMNS,
    features=(*_OUTCOMES, *_HISTORY, *_CIRCUMSTANCES),
)
