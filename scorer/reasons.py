"""Why an application was not simply approved, in up to four plain sentences.

The exact contributions of the row's features to its margin (tree SHAP) are summed per group of the
catalogue and compared with the same sums of the approved population. What is above its mean pushes
towards decline; the strongest are named, each but the first if it is a share of it worth naming. A
referred or declined row always has at least one such group: its margin is above every approved one, and
the groups add up to the margin.

The catalogue comes with the bundle and is written in `training.catalogue`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from contracts.events import Reason
from scorer.errors import BundleRefused, Refusal

MAX_REASONS: Final = 4
#: Of all that pushes towards decline, the least that a reason after the first must be: what is less was
#: not why, and naming it would send an applicant after something that hardly mattered.
MIN_SHARE: Final = 0.05
LANGUAGES: Final = ("en", "fr")


class ReasonGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Features that an applicant would see as one thing.

    `texts` has one sentence per language; `baseline` is the approved population's mean of the
    group's summed contributions, in log-odds.
    """

    code: str
    features: tuple[str, ...]
    texts: dict[str, str]
    baseline: float


class ReasonCatalogue:
    """The groups of one model, laid over its columns."""

    def __init__(self, groups: Sequence[ReasonGroup], feature_names: Sequence[str]) -> None:
        """`groups` must cover `feature_names` exactly once, as `check_catalogue` makes sure."""
        self._groups = tuple(groups)
        self._baseline = np.array([group.baseline for group in groups])
        at = {name: index for index, name in enumerate(feature_names)}
        self._columns = [[at[name] for name in group.features] for group in groups]

    def group_contributions(self, contributions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Contributions summed per group, `(n_rows, n_groups)`, from `(n_rows, n_features + 1)`.

        The last column of `contributions`, the model's expected value, belongs to no group.
        """
        # math.fsum: exact, so a row's sums do not depend on the rows beside it.
        return np.array(
            [
                [math.fsum([row[column] for column in columns]) for columns in self._columns]
                for row in contributions.tolist()
            ],
            dtype=np.float64,
        ).reshape(len(contributions), len(self._groups))

    def reasons(self, contributions: npt.NDArray[np.float64], *, language: str) -> list[tuple[Reason, ...]]:
        """One to four reasons per row, strongest first; equally strong ones in the catalogue's order."""
        above = self.group_contributions(contributions) - self._baseline
        return [self._strongest(row, language) for row in above]

    def _strongest(self, above: npt.NDArray[np.float64], language: str) -> tuple[Reason, ...]:
        order = np.argsort(-above, kind="stable")[:MAX_REASONS]
        least = MIN_SHARE * math.fsum(push for push in above.tolist() if push > 0.0)
        # The first is kept even if rounding left nothing above 0: a refusal without a reason is none.
        kept = [index for rank, index in enumerate(order) if rank == 0 or above[index] >= least > 0.0]
        return tuple(
            Reason(code=self._groups[index].code, text=self._groups[index].texts[language], rank=rank)
            for rank, index in enumerate(kept, 1)
        )


def check_catalogue(groups: Sequence[ReasonGroup], feature_names: Sequence[str]) -> None:
    """Return if each feature has one group and each group its texts; BundleRefused otherwise."""
    grouped = [name for group in groups for name in group.features]
    if sorted(grouped) != sorted(feature_names):
        odd = sorted(set(grouped) ^ set(feature_names)) or "a feature is in two groups"
        raise BundleRefused(Refusal.BAD_REASONS, f"each feature needs one group; see {odd}")
    if len({group.code for group in groups}) != len(groups):
        raise BundleRefused(Refusal.BAD_REASONS, "a reason code is there twice")
    for group in groups:
        if not group.features or not math.isfinite(group.baseline):
            raise BundleRefused(Refusal.BAD_REASONS, f"{group.code} has no feature or no baseline")
        if any(not group.texts.get(language, "").strip() for language in LANGUAGES):
            raise BundleRefused(Refusal.BAD_REASONS, f"{group.code} lacks a text in one of {LANGUAGES}")
