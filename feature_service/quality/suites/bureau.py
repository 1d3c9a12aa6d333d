"""What is expected of the credits at other lenders and of their monthly status."""

from __future__ import annotations

from typing import Final

from feature_service.quality.vocabulary import (
    Key,
    Reference,
    Rule,
    TableSuite,
    amount,
    at_most,
    category,
    count,
    days,
    identifier,
)

# fmt: off
BUREAU: Final = TableSuite(
    "bureau",
    (
        identifier("SK_ID_CURR"),
        identifier("SK_ID_BUREAU"),
        category("CREDIT_ACTIVE", "Closed", "Active", "Sold", "Bad debt"),
        category("CREDIT_CURRENCY", "currency 1", "currency 2", "currency 3", "currency 4"),
        days("DAYS_CREDIT"),
        count("CREDIT_DAY_OVERDUE", 10_000),
        # A few credits end 115 years in the past or 85 in the future: open-ended, or a typing error.
        days("DAYS_CREDIT_ENDDATE", missing=0.062, high=40_000),
        days("DAYS_ENDDATE_FACT", missing=0.37),
        amount("AMT_CREDIT_MAX_OVERDUE", missing=0.656, varies=False),
        count("CNT_CREDIT_PROLONG", 100),
        amount("AMT_CREDIT_SUM", missing=0.001),
        # Overpaid credits and cards have a negative debt or limit.
        amount("AMT_CREDIT_SUM_DEBT", missing=0.151, low=-1e8),
        amount("AMT_CREDIT_SUM_LIMIT", missing=0.345, low=-1e8, varies=False),
        amount("AMT_CREDIT_SUM_OVERDUE", varies=False),
        category("CREDIT_TYPE",
                 "Consumer credit", "Credit card", "Car loan", "Mortgage", "Microloan",
                 "Loan for business development", "Another type of loan", "Unknown type of loan",
                 "Loan for working capital replenishment", "Cash loan (non-earmarked)", "Real estate loan",
                 "Loan for the purchase of equipment", "Loan for purchase of shares (margin lending)",
                 "Mobile operator loan", "Interbank credit"),
        days("DAYS_CREDIT_UPDATE", high=2_000),
        amount("AMT_ANNUITY", missing=0.715, varies=False),
    ),
    key=Key(("SK_ID_BUREAU",)),
    references=(Reference("SK_ID_CURR", ("application_train", "application_test")),),
    rules=(
        Rule("closed credits have ended",
             "DAYS_ENDDATE_FACT is known when CREDIT_ACTIVE is Closed",
             ("CREDIT_ACTIVE", "DAYS_ENDDATE_FACT"),
             when="CREDIT_ACTIVE = 'Closed'", holds="DAYS_ENDDATE_FACT IS NOT NULL", tolerated=0.05),
        at_most("DAYS_CREDIT", "DAYS_ENDDATE_FACT", tolerated=0.03),
        at_most("DAYS_CREDIT", "DAYS_CREDIT_UPDATE", tolerated=0.05),
    ),
)
# fmt: on

BUREAU_BALANCE: Final = TableSuite(
    "bureau_balance",
    (
        identifier("SK_ID_BUREAU"),
        count("MONTHS_BALANCE", 0, low=-240),
        category("STATUS", "C", "0", "X", "1", "5", "2", "3", "4"),
    ),
    key=Key(("SK_ID_BUREAU", "MONTHS_BALANCE"), refused=0.01),
    references=(Reference("SK_ID_BUREAU", ("bureau",), usual=0.053),),
)
