"""How far each partition is decided: what may be committed, and what was decided already.

Pure bookkeeping for the lane worker. Offsets are those of the lane's applications topic.
"""

from __future__ import annotations


class Progress:
    """Next offset to decide by partition, for the partitions this process owns."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._begun: dict[int, int] = {}

    def restart(self) -> None:
        """Forget everything, at a new assignment: the committed offsets decide what comes."""
        self._next = {}
        self._committed = {}
        self._begun = {}

    def is_new(self, partition: int, offset: int) -> bool:
        """False for a record that this process has decided since it owns the partition."""
        return offset >= self._next.get(partition, 0)

    def begun(self, partition: int, offset: int) -> None:
        """Work on the record at `offset` began; it is not finished."""
        self._begun.setdefault(partition, offset)

    def finished(self, partition: int, offset: int) -> None:
        """The record at `offset`, and so all before it, is decided or dead-lettered, durably."""
        self._next[partition] = max(offset + 1, self._next.get(partition, 0))

    def next_offset(self, partition: int) -> int | None:
        """Next offset to decide, or None while no record of the partition came here."""
        return self._next.get(partition, self._begun.get(partition))

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
