"""A micro-batch from its records to its committed end: the order of steps that nothing may change.

    take in → decide → predictions and dead letters acknowledged → replies → finished (committable)

Called by `scorer.app` with what Faust read; knows the log through `RecordLog` only. One call at a time.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from contracts.errors import DeadLetterReason
from contracts.headers import ReplyAddress
from contracts.lanes import Lane
from contracts.topics import APPLICATIONS_DLQ
from scorer.decide import Verdict, decide
from scorer.documents import (
    Circumstances,
    dead_letter,
    decision_document,
    decision_reply,
    prediction,
    problem_reply,
)
from scorer.intake import Accepted, Rejected, take_in
from scorer.log import RecordLog
from scorer.metrics import ScorerMetrics
from scorer.model_holder import ModelInUse
from scorer.progress import Progress
from scorer.records import InputRecord, OutputRecord
from scorer.replies import Replies

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rules:
    """What a lane allows: whom it may answer, and how long an application may be."""

    lane: Lane
    instance: str
    reply_topics: frozenset[str]
    max_value_bytes: int


class LaneWorker:
    """Decides micro-batches of one lane with the model in use at the time."""

    def __init__(
        self,
        rules: Rules,
        *,
        model: Callable[[], ModelInUse],
        predictions: RecordLog,
        replies: Replies,
        metrics: ScorerMetrics,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self.progress = Progress()
        #: When the newest decision was made, ISO 8601 UTC; None before the first.
        self.last_decision_at: str | None = None
        self._rules = rules
        self._model = model
        self._log = predictions
        self._replies = replies
        self._metrics = metrics
        self._unix_time = unix_time

    async def work(self, records: Sequence[InputRecord]) -> None:
        """Decide `records` (in offset order within each partition) and leave them committable.

        Raises what the log raises: then nothing of the batch is committable and it will be read again.
        """
        new = [record for record in records if self.progress.is_new(record.partition, record.offset)]
        if not new:
            return
        for record in new:
            self.progress.begun(record.partition, record.offset)
        self._metrics.in_flight.set(len(new))
        try:
            await self._work(new)
        finally:
            self._metrics.in_flight.set(0)

    async def _work(self, records: Sequence[InputRecord]) -> None:
        rules = self._rules
        taken_at_ms = int(self._unix_time() * 1000)
        findings = [
            take_in(record, reply_topics=rules.reply_topics, max_value_bytes=rules.max_value_bytes)
            for record in records
        ]
        accepted = [finding for finding in findings if isinstance(finding, Accepted)]
        rejected = [finding for finding in findings if isinstance(finding, Rejected)]

        started = time.perf_counter()
        model = self._model()
        verdicts, failed = self._decide(accepted, model)
        rejected += failed
        deciding_s = time.perf_counter() - started
        circumstances = self._circumstances(model, deciding_s)
        decisions = [
            (one, verdict, decision_document(one, verdict, circumstances)) for one, verdict in verdicts
        ]

        started = time.perf_counter()
        await self._publish(decisions, rejected, circumstances)
        self._metrics.publishing.observe(time.perf_counter() - started)
        await self._replies.send(_addressed(decisions, rejected))
        for record in records:
            self.progress.finished(record.partition, record.offset)
        if decisions:
            self.last_decision_at = circumstances.decided_at
        self._measure(decisions, rejected, taken_at_ms, deciding_s)

    def _decide(
        self, accepted: Sequence[Accepted], model: ModelInUse
    ) -> tuple[list[tuple[Accepted, Verdict]], list[Rejected]]:
        """The verdicts; a row that breaks deciding is put aside alone, so its neighbours go on."""
        if not accepted:
            return [], []
        try:
            return list(zip(accepted, _verdicts(accepted, model), strict=True)), []
        except Exception as error:
            log.error(
                "a micro-batch could not be decided at once; trying its applications one by one",
                **_without_words(error),
            )
        verdicts: list[tuple[Accepted, Verdict]] = []
        failed: list[Rejected] = []
        for one in accepted:
            try:
                verdicts.append((one, _verdicts([one], model)[0]))
            except Exception as error:
                log.error("scoring failed", application_id=one.application_id, **_without_words(error))
                failed.append(
                    Rejected(
                        one.record,
                        one.application_id,
                        one.reply_to,
                        DeadLetterReason.SCORING_FAILED,
                        f"scoring raised {type(error).__name__}; the scorer's log has it under this id",
                    )
                )
        return verdicts, failed

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
        )

    async def _publish(
        self,
        decisions: Iterable[tuple[Accepted, Verdict, bytes]],
        rejected: Iterable[Rejected],
        circumstances: Circumstances,
    ) -> None:
        """Predictions and dead letters, to the inputs' partition numbers; back once all are acknowledged."""
        batches: dict[tuple[str, int], list[OutputRecord]] = defaultdict(list)
        topic = self._rules.lane.predictions.name
        for one, verdict, decision in decisions:
            batches[topic, one.record.partition].append(prediction(one, verdict, decision, circumstances))
        first_seen = circumstances.decided_at
        for poison in rejected:
            letter = dead_letter(poison, attempts=1, first_seen=first_seen)
            batches[APPLICATIONS_DLQ.name, poison.record.partition].append(letter)
        await asyncio.gather(
            *(self._log.append(topic, partition, batch) for (topic, partition), batch in batches.items())
        )

    def _measure(
        self,
        decisions: Sequence[tuple[Accepted, Verdict, bytes]],
        rejected: Sequence[Rejected],
        taken_at_ms: int,
        deciding_s: float,
    ) -> None:
        metrics, lane = self._metrics, self._rules.lane.value
        for one, verdict, _ in decisions:
            metrics.decided.labels(lane, verdict.decision).inc()
            metrics.probability.observe(verdict.probability_of_default)
            metrics.in_log.observe(max(0, taken_at_ms - one.record.timestamp_ms) / 1000)
            for field in one.unseen_categories:
                metrics.unseen_categories.labels(lane, field).inc()
        for poison in rejected:
            metrics.dead_lettered.labels(lane, poison.reason.value).inc()
            log.warning(
                "dead-lettered",
                application_id=poison.application_id,
                reason=poison.reason.value,
                partition=poison.record.partition,
                offset=poison.record.offset,
            )
        metrics.batch_rows.observe(len(decisions) + len(rejected))
        metrics.deciding.observe(deciding_s)
        if decisions:
            metrics.last_decision.set(self._unix_time())


def _without_words(error: Exception) -> dict[str, str]:
    """What an error was and where: its message may quote the applicant and stays out of the log."""
    return {"error": type(error).__name__, "where": "".join(traceback.format_tb(error.__traceback__))}


def _verdicts(accepted: Sequence[Accepted], model: ModelInUse) -> list[Verdict]:
    return decide([one.application for one in accepted], model.serving)


def _addressed(
    decisions: Iterable[tuple[Accepted, Verdict, bytes]], rejected: Iterable[Rejected]
) -> list[tuple[ReplyAddress, OutputRecord]]:
    addressed: list[tuple[ReplyAddress, OutputRecord]] = []
    for one, _, decision in decisions:
        if one.reply_to is not None and (reply := decision_reply(one, decision)) is not None:
            addressed.append((one.reply_to, reply))
    for poison in rejected:
        if poison.reply_to is not None and (reply := problem_reply(poison)) is not None:
            addressed.append((poison.reply_to, reply))
    return addressed


def _iso(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
