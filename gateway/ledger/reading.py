"""Reading: look-ups by id, by key, by applicant, and the counts. Blocking; from any thread."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, Select, and_, bindparam, func, or_, select

from contracts.lanes import Lane
from gateway.ledger.database import LaneDatabase
from gateway.ledger.errors import StorageUnavailable
from gateway.ledger.progress import LogPartition, Progress
from gateway.ledger.rules import Status
from gateway.ledger.store import read_progress
from gateway.ledger.tables import (
    CARRIED,
    application_months,
    applications,
    idempotency_keys,
    partitions,
    tallies,
)
from gateway.ledger.topics import LaneTopics

T = TypeVar("T")

_IDS_PER_QUERY: Final = 500

#: What an answer is made of; positions and sources stay inside.
_SHOWN = tuple(
    applications.c[name]
    for name in (
        "application_id", "status", "client_id", "applicant_id", "batch_id", "request_hash", "placed_at_ms",
        "accepted_at_ms", "decided_at_ms", "dead_at_ms", "decision", "dead_reason", "dead_detail",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """An application as the ledger has it; times are Unix milliseconds."""

    lane: Lane
    application_id: str
    status: Status
    client_id: str | None
    applicant_id: int | None
    batch_id: str | None
    request_hash: str | None
    placed_at_ms: int
    accepted_at_ms: int | None
    decided_at_ms: int | None
    dead_at_ms: int | None
    decision: bytes | None
    dead_reason: str | None
    dead_detail: str | None


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """What a client used a key for first."""

    application_id: str
    applicant_id: int | None
    request_hash: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """One moment of a lane. `logged` is counted from offsets, everything else from rows."""

    logged: int
    pending: int
    decided: int
    dead: int
    #: Rows whose own record is not here (yet), among the three above.
    without_record: int
    #: Those of them whose record should have been here: the ledger has read past its offset.
    orphans: int
    pending_over_60_s: int
    oldest_pending_ms: int | None

    @property
    def recorded(self) -> int:
        """Rows of applications whose own record was read."""
        return self.pending + self.decided + self.dead - self.without_record

    @property
    def difference(self) -> int:
        """0 when every application in the log has its row and no other has one."""
        return self.logged - self.recorded


class LaneReader:
    """The readers' side of a lane's tables."""

    def __init__(self, database: LaneDatabase, topics: LaneTopics) -> None:
        self._database = database
        self._topics = topics
        self.lane = database.lane
        # Made once: making a statement takes longer than the database takes to answer it.
        self._by_id = _by_id(is_partitioned=database.is_partitioned)

    def application(self, application_id: str) -> Kept | None:
        """The application with this id."""
        given = {"application_id": application_id}
        row = self._read(lambda connection: connection.execute(self._by_id, given).one_or_none())
        return None if row is None else self._kept(row)

    def missing(self, ids: Collection[str]) -> set[str]:
        """Those of some ids that have no row."""
        name = applications.c.application_id
        wanted = sorted(ids)

        def query(connection: Connection) -> set[str]:
            found: set[str] = set()
            for start in range(0, len(wanted), _IDS_PER_QUERY):
                some = wanted[start : start + _IDS_PER_QUERY]
                found |= set(connection.scalars(select(name).where(name.in_(some))))
            return set(wanted) - found

        return self._read(query)

    def key_owner(self, client_id: str, key_hash: str) -> KeyOwner | None:
        """What the client used the key for first."""
        given = {"client_id": client_id, "key_hash": key_hash}
        row = self._read(lambda connection: connection.execute(_BY_KEY, given).one_or_none())
        return None if row is None else KeyOwner(*row)

    def of_applicant(
        self, applicant_id: int, *, from_ms: int | None, to_ms: int | None, client_id: str | None, limit: int
    ) -> list[Kept]:
        """Applications of an applicant placed in [from, to), the newest first."""
        query = select(*_SHOWN).where(applications.c.applicant_id == applicant_id)
        if from_ms is not None:
            query = query.where(applications.c.placed_at_ms >= from_ms)
        if to_ms is not None:
            query = query.where(applications.c.placed_at_ms < to_ms)
        if client_id is not None:
            query = query.where(applications.c.client_id == client_id)
        newest_first = (applications.c.placed_at_ms.desc(), applications.c.application_id.desc())
        query = query.order_by(*newest_first).limit(limit)
        return [self._kept(row) for row in self._read(lambda connection: connection.execute(query).all())]

    def progress(self) -> dict[LogPartition, Progress]:
        """How far each partition is in the tables."""
        return self._read(read_progress)

    def counts(self, now_ms: int) -> Counts:
        """The lane's counts at one moment."""
        return self._read(lambda connection: self._counts(connection, now_ms))

    def close(self) -> None:
        """Close the pooled connections."""
        self._database.close()

    def _counts(self, connection: Connection, now_ms: int) -> Counts:
        status, placed = applications.c.status, applications.c.placed_at_ms
        counted = connection.execute(select(status, func.count()).group_by(status))
        by_status: dict[str, int] = {row[0]: row[1] for row in counted}
        is_pending = status == Status.ACCEPTED.value
        oldest = connection.scalar(select(func.min(placed)).where(is_pending))
        overdue = select(func.count()).where(is_pending, placed < now_ms - 60_000)
        without = select(func.count()).where(applications.c.accepted_offset.is_(None))
        progress = read_progress(connection)
        logged = sum(
            part.distinct for place, part in progress.items() if place.topic == self._topics.applications
        )
        carried = connection.scalar(select(tallies.c.count).where(tallies.c.name == CARRIED)) or 0
        return Counts(
            logged=logged + carried,
            pending=by_status.get(Status.ACCEPTED.value, 0),
            decided=by_status.get(Status.DECIDED.value, 0),
            dead=by_status.get(Status.DEAD.value, 0),
            without_record=connection.scalar(without) or 0,
            orphans=connection.scalar(self._orphans()) or 0,
            pending_over_60_s=connection.scalar(overdue) or 0,
            oldest_pending_ms=oldest,
        )

    def _orphans(self) -> Any:
        def is_read(kind: str) -> Any:
            partition, offset = (
                applications.c[f"{kind}_source_partition"],
                applications.c[f"{kind}_source_offset"],
            )
            return and_(
                partitions.c.partition == partition,
                partitions.c.first_offset <= offset,
                partitions.c.next_offset > offset,
            )

        is_source = and_(
            partitions.c.topic == self._topics.applications, or_(is_read("decided"), is_read("dead"))
        )
        distinct = func.count(applications.c.application_id.distinct())
        return (select(distinct).join_from(applications, partitions, is_source)).where(
            applications.c.accepted_offset.is_(None)
        )

    def _kept(self, row: Row[Any]) -> Kept:
        columns = dict(row._mapping)
        columns["status"] = Status(columns["status"])
        decision = columns.pop("decision")
        return Kept(lane=self.lane, decision=None if decision is None else bytes(decision), **columns)

    def _read(self, query: Callable[[Connection], T]) -> T:
        try:
            return self._once(query)
        except StorageUnavailable:
            # A pooled connection may be from before the database was restarted: all are dropped now.
            return self._once(query)

    def _once(self, query: Callable[[Connection], T]) -> T:
        with self._database.reading() as connection:
            return query(connection)


def _by_id(*, is_partitioned: bool) -> Select[Any]:
    name = applications.c.application_id
    query = select(*_SHOWN)
    if is_partitioned:
        is_filed = and_(
            application_months.c.application_id == name, application_months.c.month == applications.c.month
        )
        query = query.join(application_months, is_filed)
        name = application_months.c.application_id
    return query.where(name == bindparam("application_id"))


_BY_KEY: Final = select(
    idempotency_keys.c.application_id, idempotency_keys.c.applicant_id, idempotency_keys.c.request_hash
).where(
    idempotency_keys.c.client_id == bindparam("client_id"),
    idempotency_keys.c.key_hash == bindparam("key_hash"),
)
