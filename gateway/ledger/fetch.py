"""From the records of one fetch to facts and steps of the offsets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.ledger.errors import UnreadableRecord
from gateway.ledger.facts import Fact, Position
from gateway.ledger.progress import LogPartition, Move, Progress
from gateway.ledger.records import LogRecord, at_ms, read_record
from gateway.ledger.topics import LaneTopics


@dataclass(slots=True)
class Fetched:
    """What one transaction will hold. `unreadable` says why and where, for the log."""

    facts: list[Fact] = field(default_factory=list)
    moves: dict[LogPartition, Move] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    records: int = 0


def take_apart(
    batches: Mapping[LogPartition, Sequence[LogRecord]],
    progress: Mapping[LogPartition, Progress],
    topics: LaneTopics,
) -> Fetched:
    """The facts in `batches`, which go on from `progress`. Offsets before that are passed over."""
    fetched = Fetched()
    for place, records in batches.items():
        before = now = progress[place]
        for record in records:
            if record.offset < now.next_offset:
                continue
            now = now.after(record.offset, at_ms(record))
            fetched.records += 1
            try:
                fact = read_record(record, Position(now.newest_ms, place.partition, record.offset), topics)
            except UnreadableRecord as error:
                fetched.unreadable.append(f"{place.topic}/{place.partition}/{record.offset}: {error}")
                continue
            if fact is not None:
                fetched.facts.append(fact)
        if now != before:
            fetched.moves[place] = Move(before, now)
    return fetched
