"""A micro-batch from its records to its committed end: the order of steps that nothing may change.

    take in → sort out repeats → decide → predictions and dead letters acknowledged, and found to be the
    decisions of record → replies → finished (committable)

Called by `scorer.app` with what Faust read; knows the log through `RecordLog` and `PredictionStream`
only. One call at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from contracts.headers import ReplyAddress
from contracts.lanes import Lane
from contracts.topics import APPLICATIONS_DLQ
from scorer.decide import Verdict, decide
from scorer.deciding import Decide, verdicts
from scorer.decision_index import DecisionIndex
from scorer.documents import (
    Circumstances,
    conflict_reply,
    dead_letter,
    decision_document,
    decision_reply,
    prediction,
    problem_reply,
)
from scorer.intake import Accepted, Identity, Rejected, take_in
from scorer.log import RecordLog
from scorer.metrics import ScorerMetrics
from scorer.pair import ModelInUse
from scorer.progress import Progress
from scorer.publication import Decided, Publication
from scorer.records import InputRecord, OutputRecord
from scorer.repeats import Sorted, sort_repeats
from scorer.replies import Replies

log = structlog.get_logger()

Addressed = list[tuple[ReplyAddress, OutputRecord]]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a lane allows: whom it may answer, and how long an application may be."""

    lane: Lane
    instance: str
    reply_topics: frozenset[str]
    max_value_bytes: int


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where what a worker makes goes to."""

    publication: Publication
    dead_letters: RecordLog
    replies: Replies


@dataclass(slots=True)
class _Batch:
    """A micro-batch on its way."""

    records: Sequence[InputRecord]
    taken_at: float
    sorted: Sorted
    rejected: list[Rejected]
    decided: list[Decided] = field(default_factory=list)
    deciding_s: float = 0.0


class LaneWorker:
    """Decides micro-batches of one lane with the model in use at the time.

    `indexes` has one entry per owned partition; who assigns partitions keeps it (`scorer.ownership`).
    """

    def __init__(
        self,
        rules: Rules,
        *,
        model: Callable[[], ModelInUse],
        outlets: Outlets,
        metrics: ScorerMetrics,
        decide: Decide = decide,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self.progress = Progress()
        self.indexes: dict[int, DecisionIndex] = {}
        #: When the newest decision was made, ISO 8601 UTC; None before the first.
        self.last_decision_at: str | None = None
        self._rules = rules
        self._model = model
        self._publication = outlets.publication
        self._dead_letters = outlets.dead_letters
        self._replies = outlets.replies
        self._metrics = metrics
        self._decide_batch = decide
        self._unix_time = unix_time
        self._overtaken = 0  # as far as the metric has it

    async def work(self, records: Sequence[InputRecord]) -> None:
        """Decide `records` (in offset order within each partition) and leave them committable.

        Raises what the log raises: then nothing of the batch is committable and it will be read again.
        """
        new = [record for record in records if self.progress.is_new(record.partition, record.offset)]
        if not new:
            return
        self._metrics.in_flight.set(len(new))
        try:
            await self._work(new)
        finally:
            self._metrics.in_flight.set(0)

    def is_scored(self, record: InputRecord) -> bool:
        """Whether scoring sees the record at all: poison does not get there."""
        return isinstance(self._taken_in(record), Accepted)

    async def put_aside(self, poison: Rejected, *, attempts: int) -> None:
        """Dead-letter an input that was tried `attempts` times, and leave it committable."""
        letter = dead_letter(poison, attempts=attempts, first_seen=_iso(self._unix_time()))
        await self._dead_letters.append(APPLICATIONS_DLQ.name, poison.record.partition, [letter])
        await self._replies.send(_addressed([], [poison]))
        self.progress.finished(poison.record.partition, poison.record.offset)
        self._measure_rejected([poison])

    async def _work(self, records: Sequence[InputRecord]) -> None:
        batch = self._take_in(records)
        self._decide(batch)
        started = time.perf_counter()
        try:
            documents, _ = await asyncio.gather(
                self._publication.publish(batch.decided, self.indexes), self._publish_dead_letters(batch)
            )
        except BaseException:
            self._forget(batch.sorted.new)
            raise
        self._metrics.publishing.observe(time.perf_counter() - started)
        decided = [(one.accepted, documents[one.accepted.identity]) for one in batch.decided]
        fellows = _fellows(batch)
        decided += await self._recorded(batch.sorted.repeated, documents)
        await self._replies.send(_addressed(decided, [*batch.rejected, *fellows], batch.sorted.conflicts))
        for record in records:
            self.progress.finished(record.partition, record.offset)
        self._measure(batch)

    def _take_in(self, records: Sequence[InputRecord]) -> _Batch:
        findings = [self._taken_in(record) for record in records]
        accepted = [finding for finding in findings if isinstance(finding, Accepted)]
        rejected = [finding for finding in findings if isinstance(finding, Rejected)]
        return _Batch(records, self._unix_time(), sort_repeats(accepted, self.indexes), rejected)

    def _taken_in(self, record: InputRecord) -> Accepted | Rejected:
        rules = self._rules
        return take_in(record, reply_topics=rules.reply_topics, max_value_bytes=rules.max_value_bytes)

    def _decide(self, batch: _Batch) -> None:
        """Fill in what was decided; what could not be is put aside and may be sent again."""
        started = time.perf_counter()
        model = self._model()
        found, failed = verdicts(batch.sorted.new, model, decide=self._decide_batch)
        batch.deciding_s = time.perf_counter() - started
        self._forget(failed)
        batch.rejected += failed
        circumstances = self._circumstances(model, batch.deciding_s)
        for one, verdict in found:
            document = decision_document(one, verdict, circumstances)
            batch.decided.append(Decided(one, document, prediction(one, verdict, document, circumstances)))
            self._measure_verdict(verdict)
        if found:
            self.last_decision_at = circumstances.decided_at

    def _forget(self, undecided: Iterable[Accepted | Rejected]) -> None:
        for one in undecided:
            self.indexes[one.record.partition].forget(one.application_id)

    async def _recorded(
        self, repeated: Sequence[Accepted], documents: dict[Identity, bytes]
    ) -> list[tuple[Accepted, bytes]]:
        """The recorded decision for each repeated application that somebody waits for."""
        waiting = [one for one in repeated if one.reply_to is not None]
        offsets: dict[int, dict[str, int]] = defaultdict(dict)
        for one in waiting:
            if one.identity not in documents and (offset := self._offset(one)) is not None:
                offsets[one.record.partition][one.application_id] = offset
        known = dict(documents)
        for partition, wanted in offsets.items():
            read = await self._publication.recorded(partition, set(wanted.values()))
            known.update({(partition, name): read[at] for name, at in wanted.items() if at in read})
        for one in waiting:
            if one.identity not in known:
                log.warning("a recorded decision is gone", application_id=one.application_id)
        return [(one, known[one.identity]) for one in waiting if one.identity in known]

    def _offset(self, one: Accepted) -> int | None:
        known = self.indexes[one.record.partition].find(one.application_id)
        return None if known is None else known.offset

    def _circumstances(self, model: ModelInUse, deciding_s: float) -> Circumstances:
        now = self._unix_time()
        return Circumstances(
            lane=self._rules.lane.value,
            scorer=self._rules.instance,
            model=model.version,
            model_digest=model.digest,
            decided_at=_iso(now),
            decided_at_ms=int(now * 1000),
            deciding_ms=round(deciding_s * 1000, 3),
            snapshot_id=None if model.snapshot is None else model.snapshot.id,
            snapshot_as_of=None if model.snapshot is None else model.snapshot.as_of,
        )

    async def _publish_dead_letters(self, batch: _Batch) -> None:
        letters: dict[int, list[OutputRecord]] = defaultdict(list)
        for poison in batch.rejected:
            letter = dead_letter(poison, attempts=1, first_seen=_iso(batch.taken_at))
            letters[poison.record.partition].append(letter)
        await asyncio.gather(
            *(
                self._dead_letters.append(APPLICATIONS_DLQ.name, partition, found)
                for partition, found in letters.items()
            )
        )

    def _measure(self, batch: _Batch) -> None:
        metrics, lane = self._metrics, self._rules.lane.value
        for decided in batch.decided:
            waited_ms = batch.taken_at * 1000 - decided.accepted.record.timestamp_ms
            metrics.in_log.observe(max(0.0, waited_ms) / 1000)
            for name in decided.accepted.unseen_categories:
                metrics.unseen_categories.labels(lane, name).inc()
        metrics.repeats.labels(lane, "repeated").inc(len(batch.sorted.repeated))
        metrics.repeats.labels(lane, "conflict").inc(len(batch.sorted.conflicts))
        self._measure_rejected(batch.rejected)
        metrics.batch_rows.observe(len(batch.records))
        metrics.deciding.observe(batch.deciding_s)
        metrics.overtaken.inc(self._publication.overtaken - self._overtaken)
        self._overtaken = self._publication.overtaken
        if batch.decided:
            metrics.last_decision.set(self._unix_time())

    def _measure_verdict(self, verdict: Verdict) -> None:
        metrics, lane = self._metrics, self._rules.lane.value
        metrics.decided.labels(lane, verdict.decision).inc()
        metrics.probability.observe(verdict.probability_of_default)
        metrics.points.observe(verdict.score)
        metrics.applicants_not_found.inc(not verdict.applicant_found)
        for reason in verdict.reasons:
            metrics.reasons.labels(lane, reason.code).inc()

    def _measure_rejected(self, rejected: Iterable[Rejected]) -> None:
        for poison in rejected:
            self._metrics.dead_lettered.labels(self._rules.lane.value, poison.reason.value).inc()
            log.warning(
                "dead-lettered",
                application_id=poison.application_id,
                reason=poison.reason.value,
                partition=poison.record.partition,
                offset=poison.record.offset,
            )


def _fellows(batch: _Batch) -> list[Rejected]:
    """Copies in the batch of what could not be decided: one dead letter is enough, but each wants a reply.

    They are no repeats of a decision any more.
    """
    failed = {(one.record.partition, one.application_id): one for one in batch.rejected}
    copies = [one for one in batch.sorted.repeated if one.identity in failed]
    batch.sorted.repeated = [one for one in batch.sorted.repeated if one.identity not in failed]
    return [replace(failed[one.identity], record=one.record, reply_to=one.reply_to) for one in copies]


def _addressed(
    decided: Iterable[tuple[Accepted, bytes]],
    rejected: Iterable[Rejected],
    conflicts: Iterable[Accepted] = (),
) -> Addressed:
    found: list[tuple[ReplyAddress | None, OutputRecord | None]] = [
        *((one.reply_to, decision_reply(one, document)) for one, document in decided),
        *((poison.reply_to, problem_reply(poison)) for poison in rejected),
        *((one.reply_to, conflict_reply(one)) for one in conflicts),
    ]
    return [(address, reply) for address, reply in found if address is not None and reply is not None]


def _iso(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
