"""What the network and the machines do, by a seeded random generator."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it gets: probabilities of what happens to one message."""

    slow: float = 0.12
    very_slow: float = 0.03
    lost_before: float = 0.03
    lost_after: float = 0.04
    fatal: float = 0.004
    place_forgotten: float = 0.5
    reply_lost: float = 0.08
    reply_doubled: float = 0.08
    commit_lost: float = 0.03


CALM = Weather(0, 0, 0, 0, 0, 0, 0, 0, 0)
#: One of these for each schedule: usual, slow, answers that get lost, replies that get lost, batches refused.
CLIMATES = (
    Weather(),
    Weather(slow=0.3, very_slow=0.08),
    Weather(lost_after=0.25, place_forgotten=0.8),
    Weather(reply_lost=0.4, reply_doubled=0.3),
    Weather(fatal=0.03),
)


class Chance:
    """All randomness of a schedule. `weather` turns calm at its end."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.weather = self.random.choice(CLIMATES)

    def happens(self, probability: float) -> bool:
        """True in that share of the calls."""
        return probability > 0 and self.random.random() < probability

    def delay_s(self) -> float:
        """How long one message is on its way."""
        drawn = self.random.random()
        if drawn < self.weather.very_slow:
            return self.random.uniform(0.1, 0.8)
        if drawn < self.weather.very_slow + self.weather.slow:
            return self.random.uniform(0.01, 0.1)
        return self.random.uniform(0.0005, 0.004)
