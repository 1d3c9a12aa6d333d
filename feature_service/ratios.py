"""What credit people look at beside the raw fields: burdens, terms, shares, counts.

`QUOTIENTS` are one column over another and cost one division for all of them together; `COMPOUNDS`
are what needs more than that. Called by `feature_service.application` alone. Floating-point sums
and products are spelled out, never left to a reduction, whose order of adding depends on the
matrix's shape: one row and 300,000 must agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]

EXTERNAL: Final = ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3")
DOCUMENTS: Final = tuple(f"FLAG_DOCUMENT_{number}" for number in range(2, 22))
CONTACTS: Final = ("FLAG_EMP_PHONE", "FLAG_WORK_PHONE", "FLAG_CONT_MOBILE", "FLAG_PHONE", "FLAG_EMAIL")
ENQUIRIES: Final = tuple(
    f"AMT_REQ_CREDIT_BUREAU_{window}" for window in ("HOUR", "DAY", "WEEK", "MON", "QRT", "YEAR")
)
MISMATCHES: Final = (
    "REG_REGION_NOT_LIVE_REGION",
    "REG_REGION_NOT_WORK_REGION",
    "LIVE_REGION_NOT_WORK_REGION",
    "REG_CITY_NOT_LIVE_CITY",
    "REG_CITY_NOT_WORK_CITY",
    "LIVE_CITY_NOT_WORK_CITY",
)


@dataclass(frozen=True, slots=True)
class Quotient:
    """`numerator` over `denominator`; missing when either is, or when the denominator is 0."""

    name: str
    numerator: str
    denominator: str
    unit: str
    description: str


class Columns:
    """The columns of an encoded matrix by name, sentinels already missing."""

    __slots__ = ("_matrix", "_position")

    def __init__(self, matrix: Column, position: dict[str, int]) -> None:
        self._matrix = matrix
        self._position = position

    def __getitem__(self, name: str) -> Column:
        return self._matrix[:, self._position[name]]

    def block(self, first: str, last: str) -> Column:
        """The neighbouring columns from `first` to `last`, both included, `(n_rows, n)`."""
        return self._matrix[:, self._position[first] : self._position[last] + 1]


@dataclass(frozen=True, slots=True)
class Compound:
    """A feature of several columns, computed by `of`, which returns one value per row."""

    name: str
    unit: str
    description: str
    null_rule: str
    sources: tuple[str, ...]
    of: Callable[[Columns], Column]


def external_mean(columns: Columns) -> Column:
    """Mean of those of the three external scores that are known, `(n_rows,)`."""
    known, total = _external_known_and_total(columns)
    return total / np.where(known == 0, np.nan, known)


def external_spread(columns: Columns) -> Column:
    """Population standard deviation of the known external scores; 0 for a single one, `(n_rows,)`."""
    known, total = _external_known_and_total(columns)
    known = np.where(known == 0, np.nan, known)
    mean = total / known
    first, second, third = (np.square(columns[name] - mean) for name in EXTERNAL)
    squares = _zero_if_missing(first) + _zero_if_missing(second) + _zero_if_missing(third)
    return np.sqrt(squares / known)


def _external_known_and_total(columns: Columns) -> tuple[Column, Column]:
    first, second, third = (columns[name] for name in EXTERNAL)
    known = 3.0 - (np.isnan(first).astype(np.float64) + np.isnan(second) + np.isnan(third))
    return known, _zero_if_missing(first) + _zero_if_missing(second) + _zero_if_missing(third)


def _zero_if_missing(column: Column) -> Column:
    return np.where(np.isnan(column), 0.0, column)


def _external_min(columns: Columns) -> Column:
    first, second, third = (columns[name] for name in EXTERNAL)
    return np.fmin(np.fmin(first, second), third)


def _external_max(columns: Columns) -> Column:
    first, second, third = (columns[name] for name in EXTERNAL)
    return np.fmax(np.fmax(first, second), third)


def _product(*names: str) -> Callable[[Columns], Column]:
    def of(columns: Columns) -> Column:
        product = columns[names[0]] * columns[names[1]]
        for name in names[2:]:
            product = product * columns[name]
        return product

    return of


def _count_of(first: str, last: str) -> Callable[[Columns], Column]:
    # Whole numbers add up exactly in any order, so a reduction is safe here.
    return lambda columns: np.add.reduce(columns.block(first, last), axis=1)


def _missing_in(first: str, last: str) -> Callable[[Columns], Column]:
    return lambda columns: np.count_nonzero(np.isnan(columns.block(first, last)), axis=1).astype(np.float64)


def _contacts(columns: Columns) -> Column:
    first, *rest = (columns[name] for name in CONTACTS)
    for column in rest:
        first = first + column
    return first


QUOTIENTS: Final[tuple[Quotient, ...]] = (
    Quotient(
        "CREDIT_TO_ANNUITY", "AMT_CREDIT", "AMT_ANNUITY", "period", "periods to pay back, interest aside"
    ),
    Quotient(
        "ANNUITY_TO_INCOME", "AMT_ANNUITY", "AMT_INCOME_TOTAL", "share", "burden of the loan on the income"
    ),
    Quotient(
        "CREDIT_TO_INCOME", "AMT_CREDIT", "AMT_INCOME_TOTAL", "year", "yearly incomes that are borrowed"
    ),
    Quotient(
        "GOODS_TO_INCOME", "AMT_GOODS_PRICE", "AMT_INCOME_TOTAL", "year", "yearly incomes the goods cost"
    ),
    Quotient(
        "GOODS_TO_CREDIT", "AMT_GOODS_PRICE", "AMT_CREDIT", "share", "part of the credit that buys goods"
    ),
    Quotient(
        "EMPLOYED_TO_AGE", "DAYS_EMPLOYED", "DAYS_BIRTH", "share", "part of life spent in the present job"
    ),
    Quotient(
        "CAR_AGE_TO_AGE", "OWN_CAR_AGE", "DAYS_BIRTH", "year/day", "age of the car over the applicant's"
    ),
    Quotient(
        "CAR_AGE_TO_EMPLOYED", "OWN_CAR_AGE", "DAYS_EMPLOYED", "year/day", "age of the car over the job's"
    ),
    Quotient(
        "PHONE_CHANGE_TO_AGE",
        "DAYS_LAST_PHONE_CHANGE",
        "DAYS_BIRTH",
        "share",
        "life since the last new phone",
    ),
    Quotient(
        "REGISTRATION_TO_AGE", "DAYS_REGISTRATION", "DAYS_BIRTH", "share", "life since the last registration"
    ),
    Quotient(
        "ID_PUBLISH_TO_AGE", "DAYS_ID_PUBLISH", "DAYS_BIRTH", "share", "life since the identity document"
    ),
    Quotient(
        "INCOME_TO_EMPLOYED",
        "AMT_INCOME_TOTAL",
        "DAYS_EMPLOYED",
        "currency/day",
        "income over time in the job",
    ),
    Quotient(
        "DEFAULTS_30_TO_SEEN",
        "DEF_30_CNT_SOCIAL_CIRCLE",
        "OBS_30_CNT_SOCIAL_CIRCLE",
        "share",
        "part of the social circle that was 30 days late",
    ),
    Quotient(
        "DEFAULTS_60_TO_SEEN",
        "DEF_60_CNT_SOCIAL_CIRCLE",
        "OBS_60_CNT_SOCIAL_CIRCLE",
        "share",
        "part of the social circle that was 60 days late",
    ),
)

_ANY_MISSING: Final = "missing when one of its columns is"
_ALL_MISSING: Final = "missing when all three are"
_NEVER: Final = "never missing"

COMPOUNDS: Final[tuple[Compound, ...]] = (
    Compound(
        "EXT_SOURCE_MEAN", "share", "mean of the known external scores", _ALL_MISSING, EXTERNAL, external_mean
    ),
    Compound("EXT_SOURCE_MIN", "share", "lowest known external score", _ALL_MISSING, EXTERNAL, _external_min),
    Compound(
        "EXT_SOURCE_MAX", "share", "highest known external score", _ALL_MISSING, EXTERNAL, _external_max
    ),
    Compound(
        "EXT_SOURCE_STD",
        "share",
        "how far the known external scores lie apart",
        _ALL_MISSING,
        EXTERNAL,
        external_spread,
    ),
    Compound(
        "EXT_SOURCE_COUNT",
        "score",
        "how many external scores are known",
        _NEVER,
        EXTERNAL,
        lambda columns: _external_known_and_total(columns)[0],
    ),
    Compound(
        "EXT_SOURCE_PRODUCT",
        "share",
        "product of the three external scores",
        _ANY_MISSING,
        EXTERNAL,
        _product(*EXTERNAL),
    ),
    Compound(
        "EXT_SOURCE_1_TIMES_2",
        "share",
        "product of two external scores",
        _ANY_MISSING,
        ("EXT_SOURCE_1", "EXT_SOURCE_2"),
        _product("EXT_SOURCE_1", "EXT_SOURCE_2"),
    ),
    Compound(
        "EXT_SOURCE_1_TIMES_3",
        "share",
        "product of two external scores",
        _ANY_MISSING,
        ("EXT_SOURCE_1", "EXT_SOURCE_3"),
        _product("EXT_SOURCE_1", "EXT_SOURCE_3"),
    ),
    Compound(
        "EXT_SOURCE_2_TIMES_3",
        "share",
        "product of two external scores",
        _ANY_MISSING,
        ("EXT_SOURCE_2", "EXT_SOURCE_3"),
        _product("EXT_SOURCE_2", "EXT_SOURCE_3"),
    ),
    Compound(
        "CREDIT_OVER_GOODS",
        "currency",
        "credit beyond the price of the goods (insurance, mostly)",
        _ANY_MISSING,
        ("AMT_CREDIT", "AMT_GOODS_PRICE"),
        lambda columns: columns["AMT_CREDIT"] - columns["AMT_GOODS_PRICE"],
    ),
    Compound(
        "INCOME_PER_PERSON",
        "currency",
        "income per head of applicant and children",
        _ANY_MISSING,
        ("AMT_INCOME_TOTAL", "CNT_CHILDREN"),
        lambda columns: columns["AMT_INCOME_TOTAL"] / (columns["CNT_CHILDREN"] + 1.0),
    ),
    Compound(
        "DOCUMENT_COUNT",
        "document",
        "documents handed in",
        _ANY_MISSING,
        DOCUMENTS,
        _count_of(DOCUMENTS[0], DOCUMENTS[-1]),
    ),
    Compound(
        "CONTACT_COUNT", "contact", "ways given to reach the applicant", _ANY_MISSING, CONTACTS, _contacts
    ),
    Compound(
        "ADDRESS_MISMATCH_COUNT",
        "mismatch",
        "pairs of addresses that differ",
        _ANY_MISSING,
        MISMATCHES,
        _count_of(MISMATCHES[0], MISMATCHES[-1]),
    ),
    Compound(
        "BUREAU_ENQUIRY_COUNT",
        "enquiry",
        "enquiries at the credit bureau in the last year",
        _ANY_MISSING,
        ENQUIRIES,
        _count_of(ENQUIRIES[0], ENQUIRIES[-1]),
    ),
    Compound(
        "HOUSING_MISSING_COUNT",
        "column",
        "facts about the building that are not known",
        _NEVER,
        ("APARTMENTS_AVG", "EMERGENCYSTATE_MODE"),
        _missing_in("APARTMENTS_AVG", "EMERGENCYSTATE_MODE"),
    ),
)
