"""Writing: the facts of one fetch and the offsets they came from, in one transaction.

The offsets are compared before they are moved, under a lock, so two writers at once (an old process
that has not noticed its end, a second ledger on the same database) can't both apply a record; the
late one gets Superseded and goes on from what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Select, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.ledger.columns import from_columns, to_columns
from gateway.ledger.database import LaneDatabase
from gateway.ledger.errors import Superseded
from gateway.ledger.facts import Accepted, Fact
from gateway.ledger.progress import LogPartition, Move, Progress
from gateway.ledger.rules import Row, merged, month_of
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
Moves = Mapping[LogPartition, Move]

_IDS_PER_QUERY: Final = 500

_KEYS: Final = select(idempotency_keys).where(
    idempotency_keys.c.key_hash.in_(bindparam("hashes", expanding=True))
)
_PROGRESS: Final = select(
    *(partitions.c[name] for name in ("topic", "partition", *(one.name for one in fields(Progress))))
).order_by(partitions.c.topic, partitions.c.partition)
_MOVE: Final = (
    update(partitions)
    .where(partitions.c.topic == bindparam("to_topic"), partitions.c.partition == bindparam("to_partition"))
    .values({name: bindparam(f"to_{name}") for name in ("next_offset", "newest_ms", "gaps", "repeats")})
)


class LaneStore:
    """The writer's side of a lane's tables. Blocking; used from one thread at a time."""

    def __init__(self, database: LaneDatabase, topics: LaneTopics) -> None:
        self._database = database
        self._topics = topics
        # SQLite's upsert and PostgreSQL's are the same words in two modules.
        self._insert: Any = postgresql.insert if database.is_partitioned else sqlite.insert
        # Made once: making a statement takes longer than the database takes to do it.
        by_month = database.is_partitioned
        self._by_ids = _by_ids(is_partitioned=by_month)
        self._put_row = self._upsert(applications, ["application_id", *(["month"] if by_month else [])])
        self._put_month = self._upsert(application_months, ["application_id"])
        self._put_key = self._upsert(idempotency_keys, ["key_hash", "client_id"])

    def progress(self) -> dict[LogPartition, Progress]:
        """How far each partition is in the tables."""
        with self._database.writing() as connection:
            return read_progress(connection)

    def begin(self, first_offsets: Mapping[LogPartition, int]) -> dict[LogPartition, Progress]:
        """Have partitions that are new to the tables begin at these offsets; all progress after that."""
        with self._database.writing() as connection:
            if first_offsets:
                rows = [
                    _progress_columns(place, Progress(offset, offset))
                    for place, offset in sorted(first_offsets.items())
                ]
                connection.execute(self._insert(partitions).on_conflict_do_nothing(), rows)
            return read_progress(connection)

    def write(self, facts: Sequence[Fact], moves: Moves) -> dict[LogPartition, Progress]:
        """Take `facts` in and move the offsets, all or nothing; the progress of the moved partitions.

        Raises Superseded when another writer moved them, StorageUnavailable when the database fails.
        """
        with self._database.writing() as connection:
            stored = read_progress(connection, is_locking=self._database.is_partitioned)
            for place, move in moves.items():
                if stored.get(place) != move.before:
                    raise Superseded(f"{place.topic}/{place.partition} was moved by another writer")
            repeats = self._take_in(connection, facts)
            reached = {place: self._reached(place, move, repeats) for place, move in moves.items()}
            _move(connection, reached)
        return reached

    def carry_over(self, facts: Sequence[Fact]) -> None:
        """Take in facts that the log has no more, and count the applications they bring."""
        with self._database.writing() as connection:
            repeats = self._take_in(connection, facts)
            carried = sum(isinstance(fact, Accepted) for fact in facts) - sum(repeats.values())
            self.tally(connection, CARRIED, carried)

    def tally(self, connection: Connection, name: str, by: int) -> None:
        """Add to a tally, in the caller's transaction."""
        statement = self._insert(tallies)
        upsert = statement.on_conflict_do_update(
            index_elements=["name"], set_={"count": tallies.c.count + statement.excluded.count}
        )
        connection.execute(upsert, [{"name": name, "count": by}])

    def _take_in(self, connection: Connection, facts: Sequence[Fact]) -> dict[int, int]:
        """Write what the facts change; repeated application records by partition number."""
        before = self._rows(connection, {fact.application_id for fact in facts})
        rows: dict[str, Row] = dict(before)
        repeats: dict[int, int] = {}
        for fact in facts:
            row = rows.get(fact.application_id)
            if isinstance(fact, Accepted) and row is not None and row.accepted is not None:
                repeats[fact.position.partition] = repeats.get(fact.position.partition, 0) + 1
            rows[fact.application_id] = merged(row, fact)
        changed = [row for name, row in rows.items() if row != before.get(name)]
        if changed:
            self._put(connection, before, changed)
        self._put_keys(connection, [fact for fact in facts if isinstance(fact, Accepted)])
        return repeats

    def _rows(self, connection: Connection, ids: Iterable[str]) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for some in _chunks(sorted(ids)):
            for columns in connection.execute(self._by_ids, {"ids": some}).mappings():
                found[columns["application_id"]] = from_columns(dict(columns))
        return found

    def _put(self, connection: Connection, before: Mapping[str, Row], changed: Sequence[Row]) -> None:
        if self._database.is_partitioned:
            self._database.make_months(connection, {row.month for row in changed})
            self._file(connection, before, changed)
        connection.execute(self._put_row, [to_columns(row) for row in changed])

    def _file(self, connection: Connection, before: Mapping[str, Row], changed: Sequence[Row]) -> None:
        """Say in which month each row is, and take those that move out of where they were."""
        moved = [
            {"old_id": row.application_id, "old_month": before[row.application_id].month}
            for row in changed
            if row.application_id in before and before[row.application_id].month != row.month
        ]
        if moved:
            is_old = (applications.c.application_id == bindparam("old_id")) & (
                applications.c.month == bindparam("old_month")
            )
            connection.execute(delete(applications).where(is_old), moved)
        filed = [
            {"application_id": row.application_id, "month": row.month}
            for row in changed
            if row.application_id not in before or before[row.application_id].month != row.month
        ]
        if filed:
            connection.execute(self._put_month, filed)

    def _put_keys(self, connection: Connection, facts: Sequence[Accepted]) -> None:
        """Keep the first record of each client and key."""
        firsts: dict[tuple[str, str], Accepted] = {}
        for fact in facts:
            if fact.client_id is not None and fact.key_hash is not None:
                owner = (fact.client_id, fact.key_hash)
                if owner not in firsts or fact.position < firsts[owner].position:
                    firsts[owner] = fact
        for some in _chunks(sorted({key_hash for _, key_hash in firsts})):
            for kept in connection.execute(_KEYS, {"hashes": some}).mappings():
                owner = (kept["client_id"], kept["key_hash"])
                position = (kept["order_ms"], kept["partition"], kept["offset"])
                if owner in firsts and position <= firsts[owner].position:
                    del firsts[owner]
        if firsts:
            connection.execute(self._put_key, [_key_columns(fact) for fact in firsts.values()])

    def _reached(self, place: LogPartition, move: Move, repeats: Mapping[int, int]) -> Progress:
        if place.topic != self._topics.applications:
            return move.after
        return replace(move.after, repeats=move.after.repeats + repeats.get(place.partition, 0))

    def _upsert(self, table: Table, key: list[str]) -> Any:
        statement = self._insert(table)
        values = {
            column.name: statement.excluded[column.name] for column in table.c if column.name not in key
        }
        return statement.on_conflict_do_update(index_elements=key, set_=values)


def read_progress(connection: Connection, *, is_locking: bool = False) -> dict[LogPartition, Progress]:
    """How far each partition is in the tables of this connection."""
    rows = connection.execute(_PROGRESS.with_for_update() if is_locking else _PROGRESS)
    return {LogPartition(topic, partition): Progress(*progress) for topic, partition, *progress in rows}


def _by_ids(*, is_partitioned: bool) -> Select[Any]:
    name = applications.c.application_id
    query = select(applications)
    if is_partitioned:
        is_filed = (application_months.c.application_id == name) & (
            application_months.c.month == applications.c.month
        )
        query = query.join(application_months, is_filed)
        name = application_months.c.application_id
    return query.where(name.in_(bindparam("ids", expanding=True)))


def _move(connection: Connection, reached: Mapping[LogPartition, Progress]) -> None:
    if not reached:
        return
    rows = [
        {f"to_{name}": value for name, value in _progress_columns(place, progress).items()}
        for place, progress in reached.items()
    ]
    connection.execute(_MOVE, rows)


def _progress_columns(place: LogPartition, progress: Progress) -> dict[str, Any]:
    return {
        "topic": place.topic,
        "partition": place.partition,
        "first_offset": progress.first_offset,
        "next_offset": progress.next_offset,
        "newest_ms": progress.newest_ms,
        "gaps": progress.gaps,
        "repeats": progress.repeats,
    }


def _key_columns(fact: Accepted) -> dict[str, Any]:
    return {
        "client_id": fact.client_id,
        "key_hash": fact.key_hash,
        "application_id": fact.application_id,
        "applicant_id": fact.applicant_id,
        "request_hash": fact.request_hash,
        "month": month_of(fact.at_ms),
        "order_ms": fact.position.order_ms,
        "partition": fact.position.partition,
        "offset": fact.position.offset,
    }


def _chunks(items: Sequence[T]) -> Iterator[list[T]]:
    for start in range(0, len(items), _IDS_PER_QUERY):
        yield list(items[start : start + _IDS_PER_QUERY])
