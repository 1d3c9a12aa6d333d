"""Faults of a gateway or the ledger, each the smallest change that somebody could make by mistake."""

from __future__ import annotations

from dataclasses import replace

from gateway.ledger.facts import Accepted, Position
from gateway.ledger.facts import Decided as DecidedFact
from gateway.ledger.records import read_record
from gateway.ledger.rules import Row
from gateway.pending import PendingReplies, Reply, Submission
from gateway.submissions import Submissions
from tests.history.events import LogRecord
from tests.simulation.ledger import SimulatedLedger


class GivesRepliesToTheFirst(PendingReplies):
    """Whoever waits longest gets the reply."""

    def resolve(self, correlation_id: bytes, reply: Reply) -> bool:
        waiting = [known for known, submission in self._own.items() if submission.waiters]
        return super().resolve(waiting[0] if waiting else correlation_id, reply)


class JoinsOtherBytes(PendingReplies):
    """A retry with other bytes waits for the first one's decision."""

    def submission(self, application_id: str, client_id: str, request_hash: str) -> Submission:
        return self._recent.get(application_id) or super().submission(application_id, client_id, request_hash)


class RemembersWhatCameSecond(PendingReplies):
    """Stood in the code: bytes that came second turn away the first ones."""

    def submission(self, application_id: str, client_id: str, request_hash: str) -> Submission:
        known = self._recent.get(application_id)
        if known is not None and known.request_hash != request_hash:
            known.reply = None
        return super().submission(application_id, client_id, request_hash)


class WaitsForALostReply(Submissions):
    """Stood in the code: a copy of what is under way never asks the ledger."""

    async def _looked_up(self, caller: object, submission: Submission) -> Submission:
        if submission.is_under_way:
            return submission
        return await super()._looked_up(caller, submission)  # type: ignore[arg-type]


class BelievesItself(Submissions):
    """Stood in the code: of two bytes under way with one id those win that this gateway happened to see."""

    async def _submission(self, wanted: Submission, _: object) -> Submission:
        return self._pending.submission(wanted.application_id, wanted.client_id, wanted.request_hash)


class KeepsTheLastDecision(SimulatedLedger):
    """The newest record wins."""

    def take(self, record: LogRecord) -> None:
        super().take(record)
        position = Position(record.timestamp_ms, record.partition, record.offset)
        fact = read_record(record, position, self._topics)  # type: ignore[arg-type]  # headers may lack values
        if isinstance(fact, DecidedFact):
            self.rows[fact.application_id] = replace(self.rows[fact.application_id], decided=fact)


class KeepsTheFirstBytes(SimulatedLedger):
    """Stood in the code: a key is its first bytes' though they were put aside and others decided."""

    def _hash_of(self, row: Row, owner: Accepted) -> str | None:
        return owner.request_hash
