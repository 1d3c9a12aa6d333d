"""Golden rows: inputs whose exact scores travel with the model.

A scorer that does not get the very same bits from them (another LightGBM, another processor, a
tampered file) must not decide with the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from scorer.errors import BundleRefused, Refusal

MIN_ROWS: Final = 32
MAX_ROWS: Final = 4096


class GoldenRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rows` are float32 values written in full, None where missing; `margins` are `float.hex()`."""

    rows: tuple[tuple[float | None, ...], ...]
    margins: tuple[str, ...]

    def features(self) -> npt.NDArray[np.float32]:
        """The rows as a matrix `(n_rows, n_features)`, NaN where missing."""
        return np.array(self.rows, dtype=np.float64).astype(np.float32)

    def expected_margins(self) -> npt.NDArray[np.float64]:
        """The margins, `(n_rows,)`, to the bit."""
        return np.array([float.fromhex(margin) for margin in self.margins])


def golden_rows(features: npt.NDArray[np.float32], margins: Sequence[float]) -> GoldenRows:
    """The golden rows that say: these features, `(n_rows, n_features)`, have these margins."""
    rows = tuple(
        tuple(None if value != value else value for value in row)  # noqa: PLR0124  # NaN differs from itself
        for row in features.astype(np.float64).tolist()
    )
    return GoldenRows(rows=rows, margins=tuple(float(margin).hex() for margin in margins))


def check_golden(golden: GoldenRows, *, n_features: int) -> None:
    """Return if the rows can prove something; BundleRefused otherwise."""
    n_rows = len(golden.rows)
    if not MIN_ROWS <= n_rows <= MAX_ROWS or len(golden.margins) != n_rows:
        raise BundleRefused(
            Refusal.MALFORMED_GOLDEN,
            f"{n_rows} rows with {len(golden.margins)} margins; {MIN_ROWS} to {MAX_ROWS} pairs are needed",
        )
    if any(len(row) != n_features for row in golden.rows):
        raise BundleRefused(Refusal.MALFORMED_GOLDEN, f"a golden row does not have {n_features} values")
    try:
        margins = golden.expected_margins()
        features = golden.features()
    except (ValueError, OverflowError) as error:
        raise BundleRefused(Refusal.MALFORMED_GOLDEN, str(error)) from error
    if not np.isfinite(margins).all() or np.isinf(features).any():
        raise BundleRefused(Refusal.NOT_FINITE, "golden.json holds something that is no finite number")
    if (margins == margins[0]).all():
        raise BundleRefused(Refusal.CONSTANT_OUTPUT, "every golden row has the same margin")
