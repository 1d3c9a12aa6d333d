"""The two lanes: interactive applications, and batches that must never slow them down."""

from __future__ import annotations

from enum import StrEnum

from contracts.topics import APPLICATIONS, APPLICATIONS_BATCH, PREDICTIONS, PREDICTIONS_BATCH, Topic


class Lane(StrEnum):
    """A lane has its own input topic, prediction stream, consumer group and worker processes."""

    SYNC = "sync"
    BATCH = "batch"

    @property
    def applications(self) -> Topic:
        """The topic that this lane's workers read."""
        return APPLICATIONS if self is Lane.SYNC else APPLICATIONS_BATCH

    @property
    def predictions(self) -> Topic:
        """The topic that holds this lane's decisions of record."""
        return PREDICTIONS if self is Lane.SYNC else PREDICTIONS_BATCH

    @property
    def consumer_group(self) -> str:
        """The consumer group whose committed offsets say how far this lane is decided."""
        return f"scorer-{self.value}"
