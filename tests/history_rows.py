"""Small made-up tables for the tests of features: a folder of the eight CSV files with few rows.

`write_tables` writes a header for every table and the rows given; a column that a row does not name
is empty, or has the table's default where a value is always there.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from feature_service.sources import SOURCES

RowOf = Mapping[str, Any]
Rows = Mapping[str, Sequence[RowOf]]

_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "application_train": {
        "TARGET": 0,
        "NAME_CONTRACT_TYPE": "Cash loans",
        "AMT_CREDIT": 500_000.0,
        "AMT_ANNUITY": 25_000.0,
        "AMT_INCOME_TOTAL": 100_000.0,
        "DAYS_BIRTH": -12_000,
        "DAYS_EMPLOYED": -2_000,
    },
    "bureau": {
        "CREDIT_ACTIVE": "Active",
        "CREDIT_CURRENCY": "currency 1",
        "CREDIT_TYPE": "Consumer credit",
        "DAYS_CREDIT": -100,
        "DAYS_CREDIT_UPDATE": -10,
        "CREDIT_DAY_OVERDUE": 0,
        "CNT_CREDIT_PROLONG": 0,
        "AMT_CREDIT_SUM_OVERDUE": 0.0,
    },
    "previous_application": {
        "NAME_CONTRACT_TYPE": "Cash loans",
        "NAME_CONTRACT_STATUS": "Approved",
        "AMT_APPLICATION": 100.0,
        "AMT_CREDIT": 110.0,
        "DAYS_DECISION": -200,
    },
    "POS_CASH_balance": {"NAME_CONTRACT_STATUS": "Active", "SK_DPD": 0, "SK_DPD_DEF": 0},
    "credit_card_balance": {
        "NAME_CONTRACT_STATUS": "Active",
        "AMT_BALANCE": 0.0,
        "AMT_CREDIT_LIMIT_ACTUAL": 100,
        "AMT_DRAWINGS_CURRENT": 0.0,
        "SK_DPD": 0,
        "SK_DPD_DEF": 0,
    },
    "installments_payments": {
        "SK_ID_PREV": 1,
        "NUM_INSTALMENT_VERSION": 1.0,
        "NUM_INSTALMENT_NUMBER": 1,
        "DAYS_INSTALMENT": -50.0,
        "DAYS_ENTRY_PAYMENT": -50.0,
        "AMT_INSTALMENT": 100.0,
        "AMT_PAYMENT": 100.0,
    },
}
_DEFAULTS["application_test"] = {k: v for k, v in _DEFAULTS["application_train"].items() if k != "TARGET"}

#: An applicant far from the ones that a test looks at, so that no table is empty.
BYSTANDER: Final = 999_999
_BYSTANDER_ROWS: Final[dict[str, RowOf]] = {
    "application_train": {"SK_ID_CURR": BYSTANDER},
    "application_test": {"SK_ID_CURR": BYSTANDER + 1},
    "bureau": {"SK_ID_CURR": BYSTANDER, "SK_ID_BUREAU": 9_999_999},
    "bureau_balance": {"SK_ID_BUREAU": 9_999_999, "MONTHS_BALANCE": -1, "STATUS": "0"},
    "previous_application": {"SK_ID_CURR": BYSTANDER, "SK_ID_PREV": 9_999_999},
    "POS_CASH_balance": {"SK_ID_CURR": BYSTANDER, "SK_ID_PREV": 9_999_999, "MONTHS_BALANCE": -1},
    "credit_card_balance": {"SK_ID_CURR": BYSTANDER, "SK_ID_PREV": 9_999_998, "MONTHS_BALANCE": -1},
    "installments_payments": {"SK_ID_CURR": BYSTANDER, "SK_ID_PREV": 9_999_999},
}


def write_tables(folder: Path, rows: Rows) -> Path:
    """The eight files in `folder`, each with the rows given and one of a bystander."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in SOURCES.items():
        defaults = _DEFAULTS.get(name, {})
        with (folder / source.file_name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(source.columns), restval="", lineterminator="\n")
            writer.writeheader()
            for row in (*rows.get(name, ()), _BYSTANDER_ROWS[name]):
                writer.writerow({**defaults, **row})
    return folder
