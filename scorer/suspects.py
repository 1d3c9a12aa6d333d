"""Which records may have killed the owner before, and how often each was tried. Pure.

An owner that dies takes its micro-batch with it, and one record of that batch may be the cause. So the
first records that its successor has to decide are suspects: they are decided one by one, and each
attempt is noted in the log before it is made. A record that was tried three times is put aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scorer.committed import Commit

MAX_TRIES: Final = 3


class Suspects:
    """The records of newly owned partitions that are decided with care; `window` is a micro-batch."""

    def __init__(self, commits: Mapping[int, Commit], *, window: int) -> None:
        died = {partition: commit for partition, commit in commits.items() if commit.tries > 0}
        self._first = died
        self._left = dict.fromkeys(died, window)

    @property
    def is_empty(self) -> bool:
        """Whether everything may be decided in micro-batches again."""
        return not self._left

    def is_suspect(self, partition: int) -> bool:
        """Whether the next undecided record of the partition is one."""
        return partition in self._left

    def tries(self, partition: int, offset: int) -> int:
        """Times that the record was tried before, by owners that died.

        Once is presumed of every suspect: which of them were in the fatal micro-batch is not known.
        """
        first = self._first[partition]
        return first.tries if offset == first.offset else 1

    def cleared(self, partition: int) -> None:
        """A suspect of the partition was decided, or put aside."""
        self._left[partition] -= 1
        if self._left[partition] == 0:
            del self._left[partition]
