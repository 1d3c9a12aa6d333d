"""Features of the application and the history together: what the new loan means to who has these debts.

They need the submitted application, so they are computed when it is scored (and for the snapshot
from the application's row), by the same numpy code for one row and 300,000. No reductions: a row has
the same bits alone and in any batch.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from feature_service.application import FEATURE_NAMES, Features
from feature_service.definitions import FeatureDefinition
from feature_service.ratios import Quotient
from feature_service.views import HISTORY_FEATURES

_BURDEN: Final = "HISTORY_BURDEN"
_COMPARED: Final = "HISTORY_COMPARED"

#: Group and quotient; both columns may be of the application or of the history.
CROSS: Final[tuple[tuple[str, Quotient], ...]] = (
    (
        _BURDEN,
        Quotient(
            "BUREAU_DEBT_TO_INCOME",
            "BUREAU_DEBT_TOTAL",
            "AMT_INCOME_TOTAL",
            "year",
            "yearly incomes owed to other lenders",
        ),
    ),
    (
        _BURDEN,
        Quotient(
            "BUREAU_ACTIVE_CREDIT_TO_INCOME",
            "BUREAU_ACTIVE_CREDIT_TOTAL",
            "AMT_INCOME_TOTAL",
            "year",
            "yearly incomes of running credits elsewhere",
        ),
    ),
    (
        _BURDEN,
        Quotient(
            "BUREAU_ANNUITY_TO_INCOME",
            "BUREAU_ACTIVE_ANNUITY_TOTAL",
            "AMT_INCOME_TOTAL",
            "share",
            "dues elsewhere over the income",
        ),
    ),
    (
        _BURDEN,
        Quotient(
            "BUREAU_OVERDUE_TO_INCOME",
            "BUREAU_OVERDUE_TOTAL",
            "AMT_INCOME_TOTAL",
            "share",
            "overdue elsewhere over the income",
        ),
    ),
    (
        _BURDEN,
        Quotient(
            "OPEN_ANNUITY_TO_INCOME",
            "PREV_OPEN_ANNUITY_TOTAL",
            "AMT_INCOME_TOTAL",
            "share",
            "instalments of loans that run here over the income",
        ),
    ),
    (
        _BURDEN,
        Quotient(
            "INST_DUE_365_TO_INCOME",
            "INST_DUE_365_TOTAL",
            "AMT_INCOME_TOTAL",
            "share",
            "due here in the last year over the income",
        ),
    ),
    (
        _BURDEN,
        Quotient(
            "CARD_BALANCE_TO_INCOME",
            "CARD_BALANCE_NEWEST",
            "AMT_INCOME_TOTAL",
            "share",
            "card balance over the income",
        ),
    ),
    (
        _BURDEN,
        Quotient(
            "CARD_DRAWN_TO_INCOME",
            "CARD_DRAWN_12_MEAN",
            "AMT_INCOME_TOTAL",
            "share",
            "monthly card drawings over the income",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "CREDIT_TO_BUREAU_DEBT",
            "AMT_CREDIT",
            "BUREAU_DEBT_TOTAL",
            "ratio",
            "credit asked for over the debt elsewhere",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "CREDIT_TO_BUREAU_MAX",
            "AMT_CREDIT",
            "BUREAU_CREDIT_MAX",
            "ratio",
            "credit asked for over the largest carried elsewhere",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "CREDIT_TO_PREV_MAX",
            "AMT_CREDIT",
            "PREV_GRANTED_MAX",
            "ratio",
            "credit asked for over the largest granted here",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "CREDIT_TO_PREV_MEAN",
            "AMT_CREDIT",
            "PREV_GRANTED_MEAN",
            "ratio",
            "credit asked for over the mean granted here",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "CREDIT_TO_PREV_ASKED",
            "AMT_CREDIT",
            "PREV_ASKED_MEAN",
            "ratio",
            "credit asked for over the mean asked for before",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "ANNUITY_TO_PREV_MEAN",
            "AMT_ANNUITY",
            "PREV_ANNUITY_MEAN",
            "ratio",
            "instalment over the mean of earlier loans here",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "ANNUITY_TO_PREV_MAX",
            "AMT_ANNUITY",
            "PREV_ANNUITY_MAX",
            "ratio",
            "instalment over the largest carried here",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "ANNUITY_TO_INST_MEAN",
            "AMT_ANNUITY",
            "INST_DUE_MEAN",
            "ratio",
            "instalment over the mean one due before",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "ANNUITY_TO_PAID_MAX",
            "AMT_ANNUITY",
            "INST_PAID_MAX",
            "ratio",
            "instalment over the largest ever paid",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "TERM_TO_PREV_MEAN",
            "CREDIT_TO_ANNUITY",
            "PREV_TERM_MEAN",
            "ratio",
            "length of the loan over that of earlier ones",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "BUREAU_OLDEST_TO_AGE",
            "BUREAU_OLDEST_DAYS",
            "DAYS_BIRTH",
            "share",
            "credit history elsewhere over age; negative, as ages are",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "PREV_OLDEST_TO_AGE",
            "PREV_OLDEST_DAYS",
            "DAYS_BIRTH",
            "share",
            "time as a customer over age; negative, as ages are",
        ),
    ),
    (
        _COMPARED,
        Quotient(
            "BUREAU_NEWEST_TO_EMPLOYED",
            "BUREAU_NEWEST_DAYS",
            "DAYS_EMPLOYED",
            "ratio",
            "time since the last credit elsewhere over time in the job; negative",
        ),
    ),
)

_COLUMN_NAMES: Final = (*FEATURE_NAMES, *(definition.name for definition in HISTORY_FEATURES))
_POSITION: Final = {name: index for index, name in enumerate(_COLUMN_NAMES)}
_NUMERATORS: Final = np.array([_POSITION[quotient.numerator] for _, quotient in CROSS])
_DENOMINATORS: Final = np.array([_POSITION[quotient.denominator] for _, quotient in CROSS])
_TABLE_OF: Final = {definition.name: definition.table for definition in HISTORY_FEATURES}


def _definition(group: str, quotient: Quotient) -> FeatureDefinition:
    pair = (quotient.numerator, quotient.denominator)
    return FeatureDefinition(
        name=quotient.name,
        unit=quotient.unit,
        null_rule="missing when one of its two features is, or when the divisor is 0",
        description=quotient.description,
        sources=pair,
        table=" + ".join(dict.fromkeys(_TABLE_OF.get(name, "application") for name in pair)),
        group=group,
    )


CROSS_FEATURES: Final = tuple(_definition(group, quotient) for group, quotient in CROSS)


def cross_features(known: Features) -> Features:
    """The quotients of `known`, `(n_rows, n_application + n_history)`, as `(n_rows, len(CROSS))`."""
    denominators = known[:, _DENOMINATORS].astype(np.float64)
    denominators[denominators == 0.0] = np.nan
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        result = (known[:, _NUMERATORS] / denominators).astype(np.float32)
    result[~np.isfinite(result)] = np.nan
    result += np.float32(0.0)
    return result
