"""What was counted in a table: the small numbers that stand for millions of rows.

Made by `measure` and `relations`, judged by `great_expectations` as a frame. Knows no SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pandas as pd

#: The heading for what concerns no single column.
WHOLE_TABLE: Final = "the table"
#: Headings for what concerns whole rows, and applicants who are in both application tables.
REPEATED_ROWS: Final = "rows"
SHARED_APPLICANTS: Final = "SK_ID_CURR in both application tables"


@dataclass(frozen=True, slots=True)
class Fact:
    """So many out of so many checked break an expectation; `detail` says which or how."""

    count: int
    checked: int
    detail: str = ""

    @property
    def share(self) -> float:
        """Share that breaks it, in [0, 1]; 0 if nothing was there to check."""
        return self.count / self.checked if self.checked else 0.0

    @property
    def said(self) -> str:
        """The counts as text, detail included; only the detail if one thing was checked."""
        if self.checked == 1 and self.detail:
            return self.detail
        counted = f"{self.count:,} of {self.checked:,} ({_percent(self.share)})"
        return f"{counted}: {self.detail}" if self.detail else counted


@dataclass(slots=True)
class TableFacts:
    """All facts of a table, by section and name.

    Attributes
    ----------
    rows
        None if the table is not there or cannot be read.
    sections
        Section → fact's name → fact. A section is a column, a key, a reference, a rule or
        `WHOLE_TABLE`.
    ranges
        Lowest and highest finite value of each number column.
    absent
        Columns of the suite that cannot be used: not there, or of another type.
    """

    table: str
    rows: int | None = None
    sections: dict[str, dict[str, Fact]] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)

    def add(self, section: str, name: str, fact: Fact) -> None:
        """Record a fact under its section."""
        self.sections.setdefault(section, {})[name] = fact

    def get(self, section: str, name: str) -> Fact | None:
        """The fact, or None if it was not counted."""
        return self.sections.get(section, {}).get(name)

    def frame(self) -> pd.DataFrame:
        """One column per section; three rows per fact: its count, what was checked, and the detail."""
        return pd.DataFrame(
            {
                section: pd.Series(
                    {
                        key: value
                        for name, fact in facts.items()
                        for key, value in (
                            (name, fact.count),
                            (f"{name}: checked", fact.checked),
                            (f"{name}: detail", fact.detail),
                        )
                    },
                    dtype=object,
                )
                for section, facts in self.sections.items()
            }
        )


def _percent(share: float) -> str:
    """A share as per cent, with enough digits that something is never shown as nothing."""
    if share in (0.0, 1.0) or share >= 0.001:
        return f"{100 * share:.4g} %"
    return f"{100 * share:.1g} %"
