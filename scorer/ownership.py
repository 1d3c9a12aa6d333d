"""What happens when partitions change hands, and the careful decisions that may follow.

`scorer.app` tells when partitions come and go; this knows what a new owner must find out before it
decides anything: the tail of the predictions, and whether the owner before died at its work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from contracts.errors import DeadLetterReason
from scorer.committed import CLEAN, WORKING, CommittedOffsets, trying
from scorer.decision_index import DecisionIndex
from scorer.intake import Rejected, application_id_of, take_in
from scorer.lane_worker import LaneWorker
from scorer.prediction_stream import PredictionStream
from scorer.progress import Progress
from scorer.records import InputRecord
from scorer.suspects import MAX_TRIES, Suspects
from scorer.takeover import Reach, catch_up, take_over

log = structlog.get_logger()

#: Commits next offsets by partition with a note; False when the group is rebalancing.
Commit = Callable[[dict[int, int], str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Care:
    """How a new owner looks back: how far, and how many records it decides one by one after a death."""

    reach: Reach
    window: int


class Ownership:
    """Partitions of one worker: their indexes, their commits, their suspects."""

    def __init__(
        self,
        worker: LaneWorker,
        *,
        stream: PredictionStream,
        offsets: CommittedOffsets,
        commit: Commit,
        care: Care,
    ) -> None:
        self._worker = worker
        self._stream = stream
        self._offsets = offsets
        self._commit = commit
        self._care = care
        self._suspects = Suspects({}, window=0)

    @property
    def progress(self) -> Progress:
        """How far the owned partitions are decided."""
        return self._worker.progress

    async def take(self, partitions: set[int]) -> None:
        """Own exactly `partitions` from here on; what they hold is known when this returns."""
        worker = self._worker
        commits = await self._offsets.read(partitions)
        kept = worker.indexes
        worker.indexes = {}
        for partition in sorted(partitions):
            commit = commits.get(partition)
            worker.indexes[partition] = await self._index(
                partition, kept.get(partition), committed=commit.offset if commit else 0
            )
        worker.progress.restart({p: commits[p].offset if p in commits else 0 for p in partitions})
        self._suspects = Suspects(
            {p: commit for p, commit in commits.items() if p not in kept}, window=self._care.window
        )
        claimed = {p: commit.offset for p, commit in commits.items() if commit.tries <= 1}
        claimed.update(dict.fromkeys(partitions - commits.keys(), 0))
        if claimed:
            await self._commit(claimed, WORKING)

    async def work(self, records: Sequence[InputRecord]) -> None:
        """Decide `records`; those of which one may be fatal one by one, each attempt noted first.

        What lies between them goes together: after a death most of it is decided already, and recorded
        decisions are read back in one go.
        """
        if self._suspects.is_empty:
            await self._worker.work(records)
            return
        harmless: list[InputRecord] = []
        for record in records:
            if self._suspects.is_suspect(record.partition) and self._is_undecided(record):
                await self._worker.work(harmless)
                harmless = []
                await self._work_carefully(record)
            else:
                harmless.append(record)
        await self._worker.work(harmless)

    async def commit(self, *, is_leaving: bool = False) -> None:
        """Commit what is finished; when leaving, with the note that nothing is under way any more."""
        progress = self._worker.progress
        offsets = progress.owned() if is_leaving else progress.uncommitted()
        if offsets and await self._commit(offsets, CLEAN if is_leaving else WORKING):
            progress.committed(offsets)

    async def _index(self, partition: int, kept: DecisionIndex | None, *, committed: int) -> DecisionIndex:
        if kept is not None:
            await catch_up(self._stream, partition, kept)
            return kept
        index = await take_over(
            self._stream,
            partition,
            committed=committed,
            reach=self._care.reach,
        )
        log.info("partition taken over", partition=partition, committed=committed, known=len(index))
        return index

    def _is_undecided(self, record: InputRecord) -> bool:
        if not self.progress.is_new(record.partition, record.offset):
            return False
        index = self._worker.indexes[record.partition]
        return index.find(application_id_of(record)) is None and self._worker.is_scored(record)

    async def _work_carefully(self, record: InputRecord) -> None:
        tries = self._suspects.tries(record.partition, record.offset)
        if tries >= MAX_TRIES:
            await self._worker.put_aside(_fatal(record, tries), attempts=tries)
        else:
            await self._commit({record.partition: record.offset}, trying(tries + 1))
            await self._worker.work([record])
        # Before anything else is tried: whoever dies of the next record must not leave this one's note.
        await self.commit()
        self._suspects.cleared(record.partition)


def _fatal(record: InputRecord, tries: int) -> Rejected:
    found = take_in(record, reply_topics=frozenset(), max_value_bytes=len(record.value or b""))
    return Rejected(
        record,
        found.application_id,
        None,
        DeadLetterReason.SCORING_KILLED,
        f"{tries} workers died while they decided it",
    )
