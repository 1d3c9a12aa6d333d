"""Rebuilding a lane's tables from the log: into fresh ones, beside those that serve, then one swap.

What the log no longer has is carried over from the old tables: the log keeps weeks, the ledger keeps
what its retention says. With the same facts the same rule gives the same rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from sqlalchemy import select

from contracts.lanes import Lane
from gateway.ledger.columns import from_columns
from gateway.ledger.database import LaneDatabase, open_lane
from gateway.ledger.facts import Fact
from gateway.ledger.follower import Follower
from gateway.ledger.progress import LogPartition
from gateway.ledger.reading import LaneReader
from gateway.ledger.rules import Row
from gateway.ledger.settings import LedgerSettings
from gateway.ledger.store import LaneStore
from gateway.ledger.tables import applications
from gateway.ledger.topics import LaneTopics

_ROWS_PER_QUERY: Final = 1_000
_RECORDS_PER_TRANSACTION: Final = 5_000
_SHOWN_DIFFERENCES: Final = 10

Offsets = Mapping[LogPartition, int]


class Progressing(Protocol):
    """Who is told how far it is; a progress bar."""

    def begin(self, records: int) -> None:
        """So many records are to be read."""

    def advance(self, records: int) -> None:
        """So many more were read."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it. `differences` are ids, the first few, and only of a comparison."""

    lane: Lane
    records: int
    rows: int
    carried_over: int
    different_rows: int = 0
    differences: tuple[str, ...] = ()


async def rebuild_lane(
    lane: Lane, settings: LedgerSettings, bar: Progressing, *, is_comparison: bool = False
) -> Rebuilt:
    """Rebuild the lane's tables and swap them in, or, as a comparison, only say where they differ.

    Raises Unavailable when the log or the database fails; the tables that serve are untouched then.
    """
    topics = settings.topics(lane)
    current = open_lane(settings.database_url, lane)
    try:
        await asyncio.to_thread(current.prepare, wait_s=settings.migration_wait_s)
        with current.rebuilding() as fresh:
            await asyncio.to_thread(fresh.prepare, wait_s=settings.migration_wait_s)
            store = LaneStore(fresh, topics)
            follower = Follower(topics, settings.kafka, store, fetch_max_records=_RECORDS_PER_TRANSACTION)
            try:
                carried = await _read_all(follower, store, current, topics, bar)
            finally:
                await follower.stop()
            counts = LaneReader(fresh, topics).counts(0)
            rebuilt = Rebuilt(
                lane, follower.state.records, counts.pending + counts.decided + counts.dead, carried
            )
            if is_comparison:
                return await asyncio.to_thread(_compared, rebuilt, current, fresh, topics)
            await asyncio.to_thread(current.swap, fresh)
            return rebuilt
    finally:
        current.close()


async def _read_all(
    follower: Follower, store: LaneStore, current: LaneDatabase, topics: LaneTopics, bar: Progressing
) -> int:
    """Read the log, then carry over what it has no more; the number of facts carried over."""
    bar.begin(await follower.remaining())
    await follower.catch_up(bar.advance)
    firsts = {place: part.first_offset for place, part in follower.progress.items()}
    carried = await asyncio.to_thread(_carry_over, current, store, topics, firsts)
    # What was written meanwhile, so that the swap does not set the lane back.
    await follower.catch_up(bar.advance)
    return carried


def _carry_over(current: LaneDatabase, store: LaneStore, topics: LaneTopics, firsts: Offsets) -> int:
    if not any(firsts.values()):
        return 0
    carried = 0
    waiting: list[Fact] = []
    for row in rows_in_order(current):
        for topic, fact in _facts(row, topics):
            if fact.position.offset < firsts.get(LogPartition(topic, fact.position.partition), 0):
                waiting.append(fact)
        if len(waiting) >= _ROWS_PER_QUERY:
            store.carry_over(waiting)
            carried += len(waiting)
            waiting = []
    if waiting:
        store.carry_over(waiting)
    return carried + len(waiting)


def _compared(rebuilt: Rebuilt, current: LaneDatabase, fresh: LaneDatabase, topics: LaneTopics) -> Rebuilt:
    """Compare up to the offsets that both have; what lies beyond, one of them could not know."""
    progress = [LaneReader(tables, topics).progress() for tables in (current, fresh)]
    limits = {
        place: min(tables[place].next_offset for tables in progress if place in tables)
        for place in set(progress[0]) | set(progress[1])
    }
    different = 0
    shown: list[str] = []
    for one, other in _side_by_side(rows_in_order(current), rows_in_order(fresh)):
        if _within(one, limits, topics) != _within(other, limits, topics):
            different += 1
            name = one or other
            if name is not None and len(shown) < _SHOWN_DIFFERENCES:
                shown.append(name.application_id)
    return replace(rebuilt, different_rows=different, differences=tuple(shown))


def _side_by_side(ones: Iterator[Row], others: Iterator[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """The rows of two ordered sequences, paired by id; None where one has it not."""
    one, other = next(ones, None), next(others, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.application_id < other.application_id):
            yield one, None
            one = next(ones, None)
        elif one is None or other.application_id < one.application_id:
            yield None, other
            other = next(others, None)
        else:
            yield one, other
            one, other = next(ones, None), next(others, None)


def _within(row: Row | None, limits: Offsets, topics: LaneTopics) -> Row | None:
    """The row as the offsets below `limits` tell it."""
    if row is None:
        return None
    known = {
        topic: fact.position.offset < limits.get(LogPartition(topic, fact.position.partition), 0)
        for topic, fact in _facts(row, topics)
    }
    if not any(known.values()):
        return None
    return replace(
        row,
        accepted=row.accepted if known.get(topics.applications) else None,
        decided=row.decided if known.get(topics.predictions) else None,
        dead=row.dead if known.get(topics.dead_letters) else None,
    )


def _facts(row: Row, topics: LaneTopics) -> list[tuple[str, Fact]]:
    kinds: list[tuple[str, Fact | None]] = [
        (topics.applications, row.accepted),
        (topics.predictions, row.decided),
        (topics.dead_letters, row.dead),
    ]
    return [(topic, fact) for topic, fact in kinds if fact is not None]


def rows_in_order(database: LaneDatabase) -> Iterator[Row]:
    """Every row, in the order of the ids' code points."""
    after = ""
    name = applications.c.application_id
    query = select(applications).order_by(name).limit(_ROWS_PER_QUERY)
    while True:
        with database.reading() as connection:
            found = connection.execute(query.where(name > after)).mappings().all()
        for columns in found:
            yield from_columns(dict(columns))
        if len(found) < _ROWS_PER_QUERY:
            return
        after = found[-1]["application_id"]
