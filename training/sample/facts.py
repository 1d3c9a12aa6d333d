"""The published figures of the Home Credit tables, read once from ``facts.json``.

Everything the generator draws and everything the report compares comes from here, so a figure is
written down in one place. The file holds names, types, shares, quantiles and counts; no rows.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FACTS_FILE = Path(__file__).with_name("facts.json")

APPLICATION_TRAIN = "application_train"
APPLICATION_TEST = "application_test"
BUREAU = "bureau"
BUREAU_BALANCE = "bureau_balance"
PREVIOUS_APPLICATION = "previous_application"
POS_CASH_BALANCE = "POS_CASH_balance"
CREDIT_CARD_BALANCE = "credit_card_balance"
INSTALLMENTS_PAYMENTS = "installments_payments"

ALL_TABLES: tuple[str, ...] = (
    APPLICATION_TRAIN,
    APPLICATION_TEST,
    BUREAU,
    BUREAU_BALANCE,
    PREVIOUS_APPLICATION,
    POS_CASH_BALANCE,
    CREDIT_CARD_BALANCE,
    INSTALLMENTS_PAYMENTS,
)


@dataclass(frozen=True)
class ColumnFacts:
    """One published column: ``quantiles`` are min, q25, q50, q75, max of the values present."""

    name: str
    dtype: str
    missing_share: float
    mean: float | None = None
    std: float | None = None
    quantiles: tuple[float, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def moments(self) -> tuple[float, float]:
        """Published mean and standard deviation; ``ValueError`` for a column that has none."""
        if self.mean is None or self.std is None:
            raise ValueError(f"{self.name} has no published mean")
        return self.mean, self.std

    @property
    def is_text(self) -> bool:
        """True for a column of categories written as words."""
        return self.dtype == "object"


@dataclass(frozen=True)
class TableFacts:
    """One published table: its rows at full size and its columns in file order."""

    name: str
    rows: int
    columns: dict[str, ColumnFacts]

    @property
    def file_name(self) -> str:
        """Name of the CSV file as Kaggle publishes it."""
        return f"{self.name}.csv"


@dataclass(frozen=True)
class Facts:
    """All eight tables with the figures that span them."""

    tables: dict[str, TableFacts]
    relations: dict[str, int]
    signal: dict[str, Any]
    rules: dict[str, Any]

    @property
    def applicants(self) -> int:
        """Applicants at full size: 356,255, train and test together."""
        return self.tables[APPLICATION_TRAIN].rows + self.tables[APPLICATION_TEST].rows

    @property
    def train_share(self) -> float:
        """Share of the applicants whose outcome is published (0.863)."""
        return self.tables[APPLICATION_TRAIN].rows / self.applicants


def _column(row: dict[str, Any]) -> ColumnFacts:
    return ColumnFacts(
        name=row["name"],
        dtype=row["dtype"],
        missing_share=row["missing"],
        mean=row.get("mean"),
        std=row.get("std"),
        quantiles=tuple(row.get("q", ())),
        counts=row.get("counts", {}),
    )


@cache
def facts() -> Facts:
    """The published figures; the file is read once per process."""
    document = json.loads(FACTS_FILE.read_text(encoding="utf-8"))
    tables = {
        name: TableFacts(name, table["rows"], {row["name"]: _column(row) for row in table["columns"]})
        for name, table in document["tables"].items()
    }
    return Facts(tables, document["relations"], document["signal"], document["rules"])


def column(table: str, name: str) -> ColumnFacts:
    """The published figures of one column."""
    return facts().tables[table].columns[name]
