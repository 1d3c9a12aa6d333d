"""What is expected of the monthly balances and instalments of earlier loans."""

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
    missing_together,
)

_APPLICANT: Final = Reference("SK_ID_CURR", ("application_train", "application_test"))
_MONTHLY: Final = Key(("SK_ID_PREV", "MONTHS_BALANCE"), refused=0.01)

POS_CASH_BALANCE: Final = TableSuite(
    "POS_CASH_balance",
    (
        identifier("SK_ID_PREV"),
        identifier("SK_ID_CURR"),
        count("MONTHS_BALANCE", 0, low=-240),
        count("CNT_INSTALMENT", 600, missing=0.003),
        count("CNT_INSTALMENT_FUTURE", 600, missing=0.003),
        category(
            "NAME_CONTRACT_STATUS", "Active", "Completed", "Signed", "Demand", "Returned to the store",
            "Approved", "Amortized debt", "Canceled", "XNA",
        ),
        count("SK_DPD", 20_000),
        count("SK_DPD_DEF", 20_000),
    ),
    key=_MONTHLY,
    references=(_APPLICANT, Reference("SK_ID_PREV", ("previous_application",), usual=0.05)),
    rules=(
        at_most("SK_DPD_DEF", "SK_DPD"),
        at_most("CNT_INSTALMENT_FUTURE", "CNT_INSTALMENT", tolerated=0.05),
        missing_together("instalment counts", "CNT_INSTALMENT", "CNT_INSTALMENT_FUTURE", tolerated=0.01),
    ),
)  # fmt: skip

_DRAWINGS: Final = tuple(
    f"{unit}_DRAWINGS_{kind}_CURRENT" for unit in ("AMT", "CNT") for kind in ("ATM", "OTHER", "POS")
)

CREDIT_CARD_BALANCE: Final = TableSuite(
    "credit_card_balance",
    (
        identifier("SK_ID_PREV"),
        identifier("SK_ID_CURR"),
        count("MONTHS_BALANCE", 0, low=-240),
        # Overpaid cards have a negative balance; a reversed drawing is a negative one.
        amount("AMT_BALANCE", low=-1e8),
        amount("AMT_CREDIT_LIMIT_ACTUAL"),
        amount("AMT_DRAWINGS_ATM_CURRENT", missing=0.196, low=-1e6, varies=False),
        amount("AMT_DRAWINGS_CURRENT", low=-1e6, varies=False),
        amount("AMT_DRAWINGS_OTHER_CURRENT", missing=0.196, low=-1e6, varies=False),
        amount("AMT_DRAWINGS_POS_CURRENT", missing=0.196, low=-1e6, varies=False),
        amount("AMT_INST_MIN_REGULARITY", missing=0.08, varies=False),
        amount("AMT_PAYMENT_CURRENT", missing=0.2),
        amount("AMT_PAYMENT_TOTAL_CURRENT"),
        amount("AMT_RECEIVABLE_PRINCIPAL", low=-1e8),
        amount("AMT_RECIVABLE", low=-1e8),
        amount("AMT_TOTAL_RECEIVABLE", low=-1e8),
        count("CNT_DRAWINGS_ATM_CURRENT", 10_000, missing=0.196),
        count("CNT_DRAWINGS_CURRENT", 10_000),
        count("CNT_DRAWINGS_OTHER_CURRENT", 10_000, missing=0.196),
        count("CNT_DRAWINGS_POS_CURRENT", 10_000, missing=0.196),
        count("CNT_INSTALMENT_MATURE_CUM", 600, missing=0.08),
        category(
            "NAME_CONTRACT_STATUS", "Active", "Completed", "Signed", "Demand", "Sent proposal", "Refused",
            "Approved",
        ),
        count("SK_DPD", 20_000),
        count("SK_DPD_DEF", 20_000),
    ),
    key=_MONTHLY,
    references=(_APPLICANT, Reference("SK_ID_PREV", ("previous_application",), usual=0.12)),
    rules=(
        missing_together("drawings", *_DRAWINGS, tolerated=0.001),
        missing_together(
            "minimum instalment", "AMT_INST_MIN_REGULARITY", "CNT_INSTALMENT_MATURE_CUM", tolerated=0.01
        ),
        at_most("SK_DPD_DEF", "SK_DPD"),
        Rule(
            "drawings add up",
            "AMT_DRAWINGS_CURRENT is the sum of the drawings by ATM, at a point of sale and other",
            ("AMT_DRAWINGS_CURRENT", *_DRAWINGS[:3]),
            holds=f"abs(AMT_DRAWINGS_CURRENT - ({' + '.join(_DRAWINGS[:3])})) <= 1",
            tolerated=0.05,
        ),
    ),
)  # fmt: skip

INSTALLMENTS_PAYMENTS: Final = TableSuite(
    "installments_payments",
    (
        identifier("SK_ID_PREV"),
        identifier("SK_ID_CURR"),
        count("NUM_INSTALMENT_VERSION", 10_000),
        count("NUM_INSTALMENT_NUMBER", 10_000),
        days("DAYS_INSTALMENT"),
        days("DAYS_ENTRY_PAYMENT", missing=0.001),
        amount("AMT_INSTALMENT"),
        amount("AMT_PAYMENT", missing=0.001),
    ),
    references=(_APPLICANT, Reference("SK_ID_PREV", ("previous_application",), usual=0.05)),
    rules=(missing_together("payments", "DAYS_ENTRY_PAYMENT", "AMT_PAYMENT", tolerated=0.001),),
)
