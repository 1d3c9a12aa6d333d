"""The eight files that features are made of: names, columns, declared types, keys.

Read by ingestion and by the quality gate. Columns have the order of the published files; a file may
have them in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.application_fields import FIELDS
from contracts.fields import Kind

APPLICATION_TRAIN: Final = "application_train"
APPLICATION_TEST: Final = "application_test"
TARGET: Final = "TARGET"


class Type(StrEnum):
    """How a column is stored, in DuckDB's words."""

    WHOLE = "BIGINT"
    NUMBER = "DOUBLE"
    TEXT = "VARCHAR"


@dataclass(frozen=True, slots=True)
class Source:
    """One file: `<name>.csv`. `key` is unique and never empty; empty tuple for a table without one."""

    name: str
    columns: dict[str, Type]
    key: tuple[str, ...]
    #: Columns that say whose row it is; never empty either.
    owners: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The file's name in the data folder."""
        return f"{self.name}.csv"

    @property
    def never_empty(self) -> tuple[str, ...]:
        """The columns that have a value in every row."""
        return tuple(dict.fromkeys((*self.key, *self.owners)))


def _columns(text: str) -> dict[str, Type]:
    """Columns from `NAME:type` words, type being w (whole number), n (number) or t (text)."""
    types = {"w": Type.WHOLE, "n": Type.NUMBER, "t": Type.TEXT}
    pairs: Iterator[list[str]] = (word.split(":") for word in text.split())
    return {name: types[letter] for name, letter in pairs}


# Counts with gaps are written as `2.0`, so all but the id are numbers.
_APPLICATION: Final = {
    field.name: Type.TEXT if field.kind is Kind.CATEGORY else Type.NUMBER for field in FIELDS
} | {"SK_ID_CURR": Type.WHOLE}

_SOURCES: Final[tuple[Source, ...]] = (
    Source(APPLICATION_TRAIN, {TARGET: Type.WHOLE, **_APPLICATION}, ("SK_ID_CURR",), ("SK_ID_CURR",)),
    Source(APPLICATION_TEST, _APPLICATION, ("SK_ID_CURR",), ("SK_ID_CURR",)),
    Source(
        "bureau",
        _columns(
            "SK_ID_CURR:w SK_ID_BUREAU:w CREDIT_ACTIVE:t CREDIT_CURRENCY:t DAYS_CREDIT:w "
            "CREDIT_DAY_OVERDUE:w DAYS_CREDIT_ENDDATE:n DAYS_ENDDATE_FACT:n AMT_CREDIT_MAX_OVERDUE:n "
            "CNT_CREDIT_PROLONG:w AMT_CREDIT_SUM:n AMT_CREDIT_SUM_DEBT:n AMT_CREDIT_SUM_LIMIT:n "
            "AMT_CREDIT_SUM_OVERDUE:n CREDIT_TYPE:t DAYS_CREDIT_UPDATE:w AMT_ANNUITY:n"
        ),
        ("SK_ID_BUREAU",),
        ("SK_ID_CURR",),
    ),
    Source(
        "bureau_balance",
        _columns("SK_ID_BUREAU:w MONTHS_BALANCE:w STATUS:t"),
        ("SK_ID_BUREAU", "MONTHS_BALANCE"),
        ("SK_ID_BUREAU",),
    ),
    Source(
        "previous_application",
        _columns(
            "SK_ID_PREV:w SK_ID_CURR:w NAME_CONTRACT_TYPE:t AMT_ANNUITY:n AMT_APPLICATION:n "
            "AMT_CREDIT:n AMT_DOWN_PAYMENT:n AMT_GOODS_PRICE:n WEEKDAY_APPR_PROCESS_START:t "
            "HOUR_APPR_PROCESS_START:w FLAG_LAST_APPL_PER_CONTRACT:t NFLAG_LAST_APPL_IN_DAY:w "
            "RATE_DOWN_PAYMENT:n RATE_INTEREST_PRIMARY:n RATE_INTEREST_PRIVILEGED:n "
            "NAME_CASH_LOAN_PURPOSE:t NAME_CONTRACT_STATUS:t DAYS_DECISION:w NAME_PAYMENT_TYPE:t "
            "CODE_REJECT_REASON:t NAME_TYPE_SUITE:t NAME_CLIENT_TYPE:t NAME_GOODS_CATEGORY:t "
            "NAME_PORTFOLIO:t NAME_PRODUCT_TYPE:t CHANNEL_TYPE:t SELLERPLACE_AREA:w "
            "NAME_SELLER_INDUSTRY:t CNT_PAYMENT:n NAME_YIELD_GROUP:t PRODUCT_COMBINATION:t "
            "DAYS_FIRST_DRAWING:n DAYS_FIRST_DUE:n DAYS_LAST_DUE_1ST_VERSION:n DAYS_LAST_DUE:n "
            "DAYS_TERMINATION:n NFLAG_INSURED_ON_APPROVAL:n"
        ),
        ("SK_ID_PREV",),
        ("SK_ID_CURR",),
    ),
    Source(
        "POS_CASH_balance",
        _columns(
            "SK_ID_PREV:w SK_ID_CURR:w MONTHS_BALANCE:w CNT_INSTALMENT:n CNT_INSTALMENT_FUTURE:n "
            "NAME_CONTRACT_STATUS:t SK_DPD:w SK_DPD_DEF:w"
        ),
        ("SK_ID_PREV", "MONTHS_BALANCE"),
        ("SK_ID_CURR",),
    ),
    Source(
        "credit_card_balance",
        _columns(
            "SK_ID_PREV:w SK_ID_CURR:w MONTHS_BALANCE:w AMT_BALANCE:n AMT_CREDIT_LIMIT_ACTUAL:n "
            "AMT_DRAWINGS_ATM_CURRENT:n AMT_DRAWINGS_CURRENT:n AMT_DRAWINGS_OTHER_CURRENT:n "
            "AMT_DRAWINGS_POS_CURRENT:n AMT_INST_MIN_REGULARITY:n AMT_PAYMENT_CURRENT:n "
            "AMT_PAYMENT_TOTAL_CURRENT:n AMT_RECEIVABLE_PRINCIPAL:n AMT_RECIVABLE:n "
            "AMT_TOTAL_RECEIVABLE:n CNT_DRAWINGS_ATM_CURRENT:n CNT_DRAWINGS_CURRENT:w "
            "CNT_DRAWINGS_OTHER_CURRENT:n CNT_DRAWINGS_POS_CURRENT:n CNT_INSTALMENT_MATURE_CUM:n "
            "NAME_CONTRACT_STATUS:t SK_DPD:w SK_DPD_DEF:w"
        ),
        ("SK_ID_PREV", "MONTHS_BALANCE"),
        ("SK_ID_CURR",),
    ),
    Source(
        "installments_payments",
        _columns(
            "SK_ID_PREV:w SK_ID_CURR:w NUM_INSTALMENT_VERSION:n NUM_INSTALMENT_NUMBER:w "
            "DAYS_INSTALMENT:n DAYS_ENTRY_PAYMENT:n AMT_INSTALMENT:n AMT_PAYMENT:n"
        ),
        (),
        ("SK_ID_CURR", "SK_ID_PREV"),
    ),
)
SOURCES: Final[dict[str, Source]] = {source.name: source for source in _SOURCES}
TABLES: Final = tuple(SOURCES)
#: Tables that a build can do without, on request.
OPTIONAL_TABLES: Final = tuple(name for name in TABLES if name != APPLICATION_TRAIN)
