"""The ledger process, by its own rules (`gateway.ledger`), some time behind the log."""

from __future__ import annotations

import msgspec

from contracts.errors import ProblemDocument, ProblemType
from contracts.lanes import Lane
from gateway.errors import LedgerUnavailable
from gateway.ledger.facts import Accepted, Position
from gateway.ledger.records import read_record
from gateway.ledger.rules import Row, Status, merged
from gateway.ledger.topics import LaneTopics
from gateway.ledger_client import KeyUse, key_hash
from gateway.pending import Reply
from tests.history.events import LogRecord
from tests.simulation.broker import Broker


class SimulatedLedger:
    """Ledger over what the log had `lag_s` ago; away with probability `away`."""

    def __init__(self, broker: Broker, topics: LaneTopics, *, lag_s: float, away: float) -> None:
        self._broker = broker
        self._topics = topics
        self.lag_s = lag_s
        self.away = away
        self.rows: dict[str, Row] = {}
        self._keys: dict[tuple[str, str], Accepted] = {}
        self._read: dict[tuple[str, int], int] = {}

    async def application(
        self, application_id: str, client_id: str | None, *, lane: Lane = Lane.SYNC
    ) -> Reply | None:
        """See Ledger."""
        return await self._broker.call(lambda: self._answer(self._row(application_id)))

    async def key_use(self, client_id: str, key: str, application_id: str) -> KeyUse | None:
        """See Ledger."""
        is_away = self._broker.chance.happens(self.away)
        use = await self._broker.call(lambda: self._key_use(client_id, key_hash(client_id, key)))
        if is_away:
            raise LedgerUnavailable("away")
        return use

    def _key_use(self, client_id: str, hashed: str) -> KeyUse | None:
        self.catch_up()
        owner = self._keys.get((client_id, hashed))
        if owner is None:
            return None
        row = self._row(owner.application_id)
        answer = self._answer(row)
        recorded = answer if answer.status != 202 else None
        return KeyUse(owner.application_id, self._hash_of(row, owner), recorded)

    def _hash_of(self, row: Row, owner: Accepted) -> str | None:
        return owner.request_hash if row.decided is None else row.request_hash

    def _row(self, application_id: str) -> Row:
        self.catch_up()
        return self.rows.get(application_id, Row(application_id))

    def _answer(self, row: Row) -> Reply:
        if row.decided is not None:
            return Reply(200, row.decided.decision)
        if row.status is Status.DEAD and row.dead is not None:
            problem = ProblemDocument(
                type=ProblemType.DEAD_LETTERED.value,
                title=row.dead.reason,
                status=410,
                detail=row.dead.detail,
                application_id=row.application_id,
            )
            return Reply(410, msgspec.json.encode(problem))
        return Reply(202, b"{}")

    def catch_up(self) -> None:
        """Take in what the log had `lag_s` ago."""
        seen_ms = (self._broker.loop.time() - self.lag_s) * 1000
        for place, log in self._broker.logs.items():
            if place[0] in {self._topics.applications, self._topics.predictions, "applications-dlq"}:
                at = self._read.get(place, 0)
                while at < len(log) and log[at].timestamp_ms <= seen_ms:
                    self.take(log[at])
                    at += 1
                self._read[place] = at

    def take(self, record: LogRecord) -> None:
        """One record of the log."""
        position = Position(record.timestamp_ms, record.partition, record.offset)
        fact = read_record(record, position, self._topics)  # type: ignore[arg-type]  # headers may lack values
        if fact is None:
            return
        self.rows[fact.application_id] = merged(self.rows.get(fact.application_id), fact)
        if isinstance(fact, Accepted) and fact.key_hash and fact.client_id:
            self._keys.setdefault((fact.client_id, fact.key_hash), fact)
