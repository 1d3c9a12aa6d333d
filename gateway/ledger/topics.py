"""The topics that a ledger reads, by lane: the contracts' own, unless a test brings fresh ones."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.lanes import Lane
from contracts.topics import APPLICATIONS_DLQ


@dataclass(frozen=True, slots=True)
class LaneTopics:
    """What one lane's writer reads. Both lanes read the dead letters and keep their own."""

    applications: str
    predictions: str
    dead_letters: str

    @property
    def names(self) -> tuple[str, str, str]:
        """All three."""
        return (self.applications, self.predictions, self.dead_letters)


def lane_topics(lane: Lane) -> LaneTopics:
    """The declared topics of the lane."""
    return LaneTopics(lane.applications.name, lane.predictions.name, APPLICATIONS_DLQ.name)
