"""That nothing of the log is missing between what was received before and what comes now.

Pure bookkeeping for the lane's stream. A decision commits all that was before it, so a fetch that got lost
between the broker and the lane, as may happen around a rebalance, would be lost for good: nobody would decide
its applications. Every fetch says where it began, so what is missing shows, and is fetched again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from scorer.records import InputRecord

#: So many looks that see the same: what is on its way has come by then.
_LOOKS: Final = 3


class Continuity:
    """Next offset to receive by partition, for the partitions that are owned."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._looks: deque[dict[int, tuple[int, int]]] = deque(maxlen=_LOOKS)

    def restart(self, next_offsets: Mapping[int, int]) -> None:
        """Own these partitions from here on, each from an offset."""
        self._next = dict(next_offsets)
        self._looks.clear()

    def receive(
        self, records: Sequence[InputRecord], began_at: Mapping[int, int]
    ) -> tuple[list[InputRecord], dict[int, int]]:
        """Records of a fetch that join on to what came before, and where to fetch again, by partition.

        Offsets that the log itself leaves out, such as a transaction's marks, are no gap: a fetch begins
        where the last record ended. What comes again is received again; decisions know it.
        """
        taken: list[InputRecord] = []
        again: dict[int, int] = {}
        for record in records:
            expected = self._next.get(record.partition)
            if expected is None or record.partition in again:
                continue
            if began_at.get(record.partition, record.offset) > expected:
                again[record.partition] = expected
                continue
            taken.append(record)
        for record in taken:
            self._next[record.partition] = max(self._next[record.partition], record.offset + 1)
        return taken, again

    def skip(self, log_starts: Mapping[int, int]) -> dict[int, int]:
        """Expect nothing from before the log's start; how many offsets that leaves out, where it does."""
        gone = {
            partition: start - self._next[partition]
            for partition, start in log_starts.items()
            if start > self._next.get(partition, start)
        }
        self._next.update({partition: log_starts[partition] for partition in gone})
        return gone

    def overtaken(self, positions: Mapping[int, int]) -> dict[int, int]:
        """Where to fetch again, by partition: the reader is as far ahead of what came as some calls before.

        For a partition on which no record follows the ones that are missing.
        """
        ahead = {
            partition: (expected, positions[partition])
            for partition, expected in self._next.items()
            if positions.get(partition, expected) > expected
        }
        self._looks.append(ahead)
        if len(self._looks) < _LOOKS:
            return {}
        stuck = {
            partition: where[0]
            for partition, where in ahead.items()
            if all(look.get(partition) == where for look in self._looks)
        }
        if stuck:
            self._looks.clear()
        return stuck
