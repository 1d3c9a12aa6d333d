"""Applications from the rows of a Home Credit CSV file, as they would be submitted over HTTP."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from contracts.application import Value
from contracts.application_fields import FIELDS
from contracts.fields import Kind

_KINDS: Final = {field.name: field.kind for field in FIELDS}


def applications_in(csv_file: Path) -> Iterator[dict[str, Value]]:
    """Each row as field → value, empty cells as None; columns that are no application field are left out.

    Raises ValueError, naming line and column, for a cell that is no number where one belongs.
    """
    with csv_file.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            yield {name: _value(name, cell, number) for name, cell in row.items() if name in _KINDS}


def _value(name: str, cell: str | None, line: int) -> Value:
    if cell is None or cell == "":
        return None
    kind = _KINDS[name]
    if kind is Kind.CATEGORY:
        return cell
    try:
        number = float(cell)
    except ValueError:
        raise ValueError(f"line {line}, column {name}: {cell[:20]!r} is not a number") from None
    return int(number) if kind is Kind.INTEGER and number.is_integer() else number
