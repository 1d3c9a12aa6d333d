"""Whether a worker gets on: pure, fed by a clock, a lag and a position per partition."""

from __future__ import annotations


class Liveness:
    """Notices a partition that has records to decide and does not move.

    A worker without lag is alive however long nothing comes. The clock is any that only rises, in
    seconds.
    """

    def __init__(self, stuck_after_s: float) -> None:
        self._stuck_after_s = stuck_after_s
        self._moved: dict[int, tuple[int | None, float]] = {}

    def observe(self, now: float, lags: dict[int, int], positions: dict[int, int | None]) -> None:
        """Note the lag and the next offset of each owned partition at `now`."""
        self._moved = {
            partition: self._unmoved_since(now, partition, lag, positions.get(partition))
            for partition, lag in lags.items()
        }

    def stuck(self, now: float) -> dict[int, float]:
        """Seconds that each stuck partition has stood still."""
        return {
            partition: now - since
            for partition, (_, since) in self._moved.items()
            if now - since >= self._stuck_after_s
        }

    def _unmoved_since(
        self, now: float, partition: int, lag: int, position: int | None
    ) -> tuple[int | None, float]:
        known = self._moved.get(partition)
        if known is None or lag == 0 or known[0] != position:
            return position, now
        return known
