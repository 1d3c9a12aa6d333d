"""How far each partition is decided: what may be committed, and what was decided already.

Pure bookkeeping for the lane worker. Offsets are those of the lane's applications topic.
"""

from __future__ import annotations

from collections.abc import Mapping


class Progress:
    """Next offset to decide by partition, for the partitions this process owns."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    def restart(self, committed: Mapping[int, int]) -> None:
        """Start over at a new assignment: for each owned partition, the offset that is committed."""
        self._next = dict(committed)
        self._committed = dict(committed)

    def is_new(self, partition: int, offset: int) -> bool:
        """False for a record that this process has decided since it owns the partition."""
        return offset >= self._next.get(partition, 0)

    def finished(self, partition: int, offset: int) -> None:
        """The record at `offset`, and so all before it, is decided or dead-lettered, durably."""
        self._next[partition] = max(offset + 1, self._next.get(partition, 0))

    def next_offset(self, partition: int) -> int | None:
        """Next offset to decide, or None for a partition of another owner."""
        return self._next.get(partition)

    def owned(self) -> dict[int, int]:
        """Next offset to decide of every owned partition."""
        return dict(self._next)

    def uncommitted(self) -> dict[int, int]:
        """Offsets to commit by partition: where the next owner has to go on."""
        return {
            partition: offset
            for partition, offset in self._next.items()
            if self._committed.get(partition) != offset
        }

    def committed(self, offsets: dict[int, int]) -> None:
        """The broker has `offsets`."""
        self._committed.update(offsets)
