"""Bounds of a field."""

from __future__ import annotations

import pytest

from contracts.fields import Field, Kind


def test_a_number_s_bounds_are_its_lowest_and_highest_value() -> None:
    assert Field("AGE", Kind.INTEGER, "year", "age", minimum=18, maximum=120).bounds == (18, 120)


def test_a_category_has_no_bounds() -> None:
    with pytest.raises(TypeError, match="COLOUR has categories"):
        _ = Field("COLOUR", Kind.CATEGORY, "", "colour", categories=("red",)).bounds
