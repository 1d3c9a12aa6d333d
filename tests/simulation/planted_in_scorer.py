"""Faults of a scorer, each the smallest change that somebody could make by mistake."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from contracts.headers import ReplyAddress
from scorer.committed import WORKING, trying
from scorer.deciding import _scoring_failed
from scorer.decision_index import DecisionIndex
from scorer.documents import Circumstances
from scorer.intake import Identity, application_id_of
from scorer.lane_worker import LaneWorker, _Batch
from scorer.ownership import Ownership, _fatal
from scorer.pair import ModelInUse
from scorer.publication import Decided, Publication, _logged
from scorer.records import InputRecord, OutputRecord
from scorer.replies import KafkaReplies
from scorer.suspects import MAX_TRIES
from scorer.takeover import Reach, take_over
from tests.simulation.scorer_process import ScorerProcess


class CommitsBeforePublishing(Ownership):
    """What is taken up counts as done."""

    async def work(self, records: Sequence[InputRecord]) -> None:
        if records:
            await self._commit({one.partition: one.offset + 1 for one in records}, WORKING)
        await super().work(records)


class DecidesRepeats(LaneWorker):
    """What was decided before is decided again."""

    def _take_in(self, records: Sequence[InputRecord]) -> _Batch:
        batch = super()._take_in(records)
        batch.sorted.new += batch.sorted.repeated
        batch.sorted.repeated = []
        return batch


class DecidesCopiesInABatch(LaneWorker):
    """Of two copies in one micro-batch both are decided."""

    def _take_in(self, records: Sequence[InputRecord]) -> _Batch:
        batch = super()._take_in(records)
        new = {one.application_id for one in batch.sorted.new}
        batch.sorted.new += [one for one in batch.sorted.repeated if one.application_id in new]
        return batch


class AnswersConflicts(LaneWorker):
    """Other bytes under a known id get its decision."""

    def _take_in(self, records: Sequence[InputRecord]) -> _Batch:
        batch = super()._take_in(records)
        batch.sorted.repeated += batch.sorted.conflicts
        batch.sorted.conflicts = []
        return batch


class DropsDeadLetters(LaneWorker):
    """Poison is skipped."""

    async def _publish_dead_letters(self, batch: _Batch) -> None:
        return


class PutsNeighboursAside(LaneWorker):
    """One application that can't be scored takes its micro-batch along."""

    def _decide(self, batch: _Batch) -> None:
        before = len(batch.rejected)
        super()._decide(batch)
        if len(batch.rejected) > before:
            neighbours = [one.accepted for one in batch.decided]
            self._forget(neighbours)
            batch.rejected += [_scoring_failed(one, ValueError()) for one in neighbours]
            batch.decided = []


class NamesTheFirstModel(LaneWorker):
    """The digest is that of the model that the process started with."""

    _digest: str | None = None

    def _circumstances(self, model: ModelInUse, deciding_s: float) -> Circumstances:
        self._digest = self._digest or model.digest
        return replace(super()._circumstances(model, deciding_s), model_digest=self._digest)


class ReadsNoTail(Ownership):
    """A new owner knows nothing of the one before."""

    async def _index(self, partition: int, kept: DecisionIndex | None, *, committed: int) -> DecisionIndex:
        index = DecisionIndex(5_000)
        index.next_offset = (await self._stream.bounds(partition))[1]
        return index


class ReadsTooShortATail(Ownership):
    """The tail ends though what may come again lies before it."""

    async def _index(self, partition: int, kept: DecisionIndex | None, *, committed: int) -> DecisionIndex:
        reach = Reach(seconds=0, records=1, block=2)
        return await take_over(self._stream, partition, committed=1 << 40, reach=reach)


class ReadsByTheClock(Ownership):
    """Stood in the code: the last minute ends now, however long nothing was decided."""

    async def _index(self, partition: int, kept: DecisionIndex | None, *, committed: int) -> DecisionIndex:
        if kept is not None:
            return await super()._index(partition, kept, committed=committed)
        horizon_ms = (asyncio.get_running_loop().time() - self._care.reach.seconds) * 1000
        _, end = await self._stream.bounds(partition)
        start, stop = end, end
        while start > 0:
            start, stop = max(0, start - self._care.reach.block), start
            block = await self._stream.read(partition, start, stop)
            if block[0].timestamp_ms < horizon_ms and all(one.source_offset < committed for one in block):
                break
        index = DecisionIndex(5_000)
        index.record(await self._stream.read(partition, start, end))
        index.next_offset = end
        return index


class NotesNoAttempt(Ownership):
    """A fatal application is tried for ever."""

    async def _work_carefully(self, record: InputRecord) -> None:
        await self._worker.work([record])
        self._suspects.cleared(record.partition)


class LeavesTheNote(Ownership):
    """Stood in the code: poison is tried too, and an attempt stays noted while the next record is tried."""

    def _is_undecided(self, record: InputRecord) -> bool:
        return self._worker.indexes[record.partition].find(application_id_of(record)) is None

    async def _work_carefully(self, record: InputRecord) -> None:
        tries = self._suspects.tries(record.partition, record.offset)
        if tries >= MAX_TRIES:
            await self._worker.put_aside(_fatal(record, tries), attempts=tries)
        else:
            await self._commit({record.partition: record.offset}, trying(tries + 1))
            await self._worker.work([record])
        self._suspects.cleared(record.partition)


class PresumesGuilt(Ownership):
    """Who was there when the worker died is put aside."""

    async def _work_carefully(self, record: InputRecord) -> None:
        first = self._suspects._first[record.partition]
        self._suspects._first = {**self._suspects._first, record.partition: replace(first, note=trying(3))}
        await super()._work_carefully(record)


class ChecksNoOtherWriter(Publication):
    """Where the records landed is of no interest."""

    async def _publish(
        self, partition: int, batch: Sequence[Decided], index: DecisionIndex
    ) -> dict[Identity, bytes]:
        offsets = await self._log.append(self._topic, partition, [one.record for one in batch])
        index.record(_logged(batch, offsets))
        return {}


class TrustsAForgottenPlace(Publication):
    """A broker that had the records and forgot where had them where they were expected."""

    async def _reconcile(
        self, partition: int, batch: Sequence[Decided], index: DecisionIndex, offsets: Sequence[int]
    ) -> dict[Identity, bytes]:
        if min(offsets) >= 0:
            return await super()._reconcile(partition, batch, index, offsets)
        index.record(_logged(batch, range(index.next_offset, index.next_offset + len(batch))))
        return {}


class AnswersItsOwn(Publication):
    """Another owner's earlier record is seen, and the reply carries one's own."""

    async def publish(
        self, decided: Sequence[Decided], indexes: Mapping[int, DecisionIndex]
    ) -> dict[Identity, bytes]:
        await super().publish(decided, indexes)
        return {one.accepted.identity: one.document for one in decided}


class AnswersBeforeTheAcknowledgement(Publication):
    """The reply does not wait for the log."""

    async def publish(
        self, decided: Sequence[Decided], indexes: Mapping[int, DecisionIndex]
    ) -> dict[Identity, bytes]:
        self._sending = asyncio.ensure_future(super().publish(decided, indexes))
        return {one.accepted.identity: one.document for one in decided}


class SwapsDocuments(KafkaReplies):
    """Two requesters of a micro-batch get each other's document under their own correlation id."""

    async def send(self, replies: Iterable[tuple[ReplyAddress, OutputRecord]]) -> None:
        addressed = list(replies)
        values = [reply.value for _, reply in addressed]
        swapped = [
            (address, replace(reply, value=value))
            for (address, reply), value in zip(addressed, values[1:] + values[:1], strict=True)
        ]
        await super().send(swapped)


class GoesOnAfterAFailedBatch(ScorerProcess):
    """A batch that could not be published is skipped."""

    def broken(self) -> None:
        return
