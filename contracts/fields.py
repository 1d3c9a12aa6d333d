"""What a field of an application is: its name, kind, unit, range and meaning.

Read by everything that needs to know a field without knowing JSON: decoding, documentation,
feature definitions, the sample generator. This module knows no field by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a field's value is read."""

    #: A whole number; JSON `3.0` is the same value as `3`, since pandas writes counts with gaps as floats.
    INTEGER = "integer"
    #: Any finite number.
    NUMBER = "number"
    #: One of the field's categories, spelled exactly.
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an application.

    Attributes
    ----------
    unit
        What one step of the value is ("day", "person", "currency"); empty for a category.
    minimum, maximum
        Inclusive bounds; set for every INTEGER and NUMBER.
    categories
        All accepted values of a CATEGORY. A category's position is the code that features are
        built from, so the tuple only ever grows at its end.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    is_required: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None
    categories: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[int | float, int | float]:
        """Lowest and highest accepted number of an INTEGER or NUMBER, both inclusive."""
        if self.minimum is None or self.maximum is None:
            raise TypeError(f"{self.name} has categories and no bounds")
        return self.minimum, self.maximum
