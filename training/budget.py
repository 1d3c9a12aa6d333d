"""The wall clock of a whole run: what each step may take of what is left.

A run with a budget ends in time on any machine: steps that could go on are told when they are over and
finish with what they have. A run without one does everything, and only that gives equal models for
equal inputs whatever else the machine does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Budget:
    """Time until `ends_at` of `clock`, in seconds; infinite by default."""

    ends_at: float = math.inf
    clock: Clock = time.monotonic

    @classmethod
    def of_minutes(cls, minutes: float | None, *, clock: Clock = time.monotonic) -> Budget:
        """The budget that begins now; None for no limit."""
        return UNLIMITED if minutes is None else cls(clock() + 60.0 * minutes, clock)

    @property
    def is_limited(self) -> bool:
        """Whether it ends at all."""
        return math.isfinite(self.ends_at)

    @property
    def left_s(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.ends_at - self.clock())

    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.clock() >= self.ends_at

    def part(self, share: float) -> Budget:
        """The first `share` of what is left."""
        return Budget(self.clock() + share * self.left_s, self.clock) if self.is_limited else self


UNLIMITED: Final = Budget()
