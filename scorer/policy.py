"""From a probability of default to a decision and to points.

Pure arithmetic on numbers that the bundle brings; which numbers are best is `training.cost`'s work.
"""

from __future__ import annotations

import math

import msgspec

from contracts.events import Decision
from scorer.errors import BundleRefused, Refusal


class CutOffs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PD below `approve_below` is approved, from `decline_from` on declined, between them referred."""

    approve_below: float
    decline_from: float

    def decision(self, probability_of_default: float) -> Decision:
        """The decision for this PD: never milder for a higher one."""
        if probability_of_default < self.approve_below:
            return "approve"
        return "decline" if probability_of_default >= self.decline_from else "refer"


class PointsScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points that lenders read: more is safer, and `points_to_double` more halve the odds of default.

    `base_points` are given at `base_odds` repaid loans per default. The usual scale puts 600 at
    10 to 1, the break-even of a lost loan that costs what ten good ones bring.
    """

    base_points: float = 600.0
    base_odds: float = 10.0
    points_to_double: float = 35.0
    lowest: int = 300
    highest: int = 850

    def points(self, probability_of_default: float) -> int:
        """Whole points for this PD, inside [lowest, highest]: never more for a higher one."""
        if probability_of_default <= 0.0:
            return self.highest
        if probability_of_default >= 1.0:
            return self.lowest
        odds = (1.0 - probability_of_default) / probability_of_default
        points = self.base_points + self.points_to_double * math.log2(odds / self.base_odds)
        return round(min(max(points, self.lowest), self.highest))


def check_policy(cut_offs: CutOffs, scale: PointsScale) -> None:
    """Return if the numbers make sense; BundleRefused otherwise."""
    if not 0.0 < cut_offs.approve_below <= cut_offs.decline_from < 1.0:
        raise BundleRefused(Refusal.BAD_CUT_OFFS, "must have 0 < approve_below <= decline_from < 1")
    numbers = (scale.base_points, scale.base_odds, scale.points_to_double)
    if not all(math.isfinite(number) and number > 0.0 for number in numbers):
        raise BundleRefused(Refusal.BAD_POINTS, "base points, base odds and points to double must be above 0")
    if not scale.lowest < scale.highest:
        raise BundleRefused(Refusal.BAD_POINTS, "lowest must be below highest")
