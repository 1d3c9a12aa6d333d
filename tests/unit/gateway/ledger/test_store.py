"""Rows and offsets move together, or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from contracts.events import decode_scored
from gateway.ledger.database import LaneDatabase
from gateway.ledger.errors import StorageUnavailable, Superseded
from gateway.ledger.facts import Accepted, Position
from gateway.ledger.fetch import take_apart
from gateway.ledger.progress import LogPartition
from gateway.ledger.reading import LaneReader
from gateway.ledger.retention import forget_old_months, oldest_kept
from gateway.ledger.rules import Status
from gateway.ledger.store import LaneStore
from tests.ledger_log import TOPICS, MemoryLog, application, dead_letter, document, feed, fetches, prediction

HERE = LogPartition("applications", 0)


def in_log_order(log: MemoryLog) -> list[LogPartition]:
    return [place for place, kept in log.records.items() for _ in kept]


def test_an_application_is_accepted_then_decided_with_its_bytes_verbatim(database: LaneDatabase) -> None:
    log = MemoryLog()
    log.accept(application("a"))
    store, reader = LaneStore(database, TOPICS), LaneReader(database, TOPICS)
    feed(store, fetches(log, [HERE]))
    kept = reader.application("a")
    assert kept is not None
    assert (kept.status, kept.client_id, kept.applicant_id) == (Status.ACCEPTED, "bank", 100_001)
    decided = log.decide(prediction("a"))
    feed(store, [{LogPartition("predictions", 0): [decided]}])
    kept = reader.application("a")
    assert kept is not None
    assert (kept.status, kept.decision) == (Status.DECIDED, document(decided))


def test_a_redrive_lifts_a_dead_application_to_decided(database: LaneDatabase) -> None:
    log = MemoryLog()
    log.accept(application("a"))
    log.bury(dead_letter("a"))
    store, reader = LaneStore(database, TOPICS), LaneReader(database, TOPICS)
    feed(store, fetches(log, in_log_order(log)))
    kept = reader.application("a")
    assert kept is not None
    assert (kept.status, kept.dead_reason) == (Status.DEAD, "INVALID")
    again = log.accept(application("a"))
    feed(store, [{HERE: [again]}, {LogPartition("predictions", 0): [log.decide(prediction("a"))]}])
    kept = reader.application("a")
    assert kept is not None
    assert kept.status is Status.DECIDED
    assert reader.counts(0).difference == 0


def test_a_dead_letter_of_the_other_lane_is_not_ours(database: LaneDatabase) -> None:
    log = MemoryLog()
    log.bury(dead_letter("a", source=("applications-batch", 0, 0)))
    feed(LaneStore(database, TOPICS), fetches(log, in_log_order(log)))
    assert LaneReader(database, TOPICS).application("a") is None


def test_two_writers_at_once_apply_a_record_once(database: LaneDatabase) -> None:
    log = MemoryLog()
    log.accept(application("a"))
    one, other = LaneStore(database, TOPICS), LaneStore(database, TOPICS)
    start = one.begin({HERE: 0})
    fetched = take_apart(log.records, start, TOPICS)
    one.write(fetched.facts, fetched.moves)
    with pytest.raises(Superseded):
        other.write(fetched.facts, fetched.moves)
    counts = LaneReader(database, TOPICS).counts(0)
    assert (counts.pending, counts.difference) == (1, 0)


def test_a_transaction_that_fails_moves_neither_rows_nor_offsets(database: LaneDatabase) -> None:
    log = MemoryLog()
    for number in range(200):
        log.accept(application(f"a{number}"))
    store = LaneStore(database, TOPICS)
    store.begin({HERE: 0})
    with database.writing() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(StorageUnavailable, match="full"):
        feed(store, [{HERE: log.records[HERE]}])
    reader = LaneReader(database, TOPICS)
    assert reader.application("a0") is None
    assert reader.progress()[HERE].next_offset == 0
    with database.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    feed(store, [{HERE: log.records[HERE]}])
    assert (reader.counts(0).pending, reader.counts(0).difference) == (200, 0)


def test_a_key_belongs_to_the_first_record_that_used_it(database: LaneDatabase) -> None:
    log = MemoryLog()
    key = "ab" * 32
    log.accept(application("a", 1, key_hash=key))
    log.accept(application("b", 2, key_hash=key))
    log.accept(application("c", 3, key_hash=key, client="shop"))
    feed(LaneStore(database, TOPICS), [{HERE: log.records[HERE]}])
    reader = LaneReader(database, TOPICS)
    owners = [reader.key_owner(client, key) for client in ("bank", "shop", "nobody")]
    assert [owner and (owner.application_id, owner.applicant_id) for owner in owners] == [
        ("a", 1),
        ("c", 3),
        None,
    ]


def test_a_decision_s_own_bytes_are_the_application_s_though_others_came_first(
    database: LaneDatabase,
) -> None:
    log = MemoryLog()
    log.accept(application("a", 1, amount=1))
    log.bury(dead_letter("a", 1, reason="SCORING_FAILED", source=("applications", 0, 0)))
    log.accept(application("a", 1, amount=2))
    log.decide(prediction("a", 1, amount=2, source=("applications", 0, 1)))
    feed(LaneStore(database, TOPICS), [log.records])
    kept = LaneReader(database, TOPICS).application("a")
    decided = prediction("a", 1, amount=2, source=("applications", 0, 1))
    assert kept is not None
    assert kept.request_hash == decode_scored(decided.value or b"").request_hash


def test_a_record_lost_between_log_and_rows_breaks_conservation(database: LaneDatabase) -> None:
    log = MemoryLog()
    for name in "abc":
        log.accept(application(name))
    store = LaneStore(database, TOPICS)
    fetched = take_apart(log.records, store.begin({HERE: 0}), TOPICS)
    store.write(fetched.facts[:-1], fetched.moves)
    assert LaneReader(database, TOPICS).counts(0).difference == 1


def test_a_decision_is_an_orphan_only_once_its_application_was_read_past(database: LaneDatabase) -> None:
    log = MemoryLog()
    log.decide(prediction("lost", source=("applications", 0, 0)))
    store, reader = LaneStore(database, TOPICS), LaneReader(database, TOPICS)
    feed(store, fetches(log, in_log_order(log)))
    assert (reader.counts(0).without_record, reader.counts(0).orphans) == (1, 0)
    feed(store, [{HERE: [log.accept(application("another"))]}])
    assert (reader.counts(0).without_record, reader.counts(0).orphans) == (1, 1)


def test_offsets_without_records_are_no_missing_applications(database: LaneDatabase) -> None:
    log = MemoryLog()
    for name in "abc":
        log.accept(application(name))
    del log.records[HERE][1]  # a transaction's marker has an offset and is no record
    feed(LaneStore(database, TOPICS), [{HERE: log.records[HERE]}])
    counts = LaneReader(database, TOPICS).counts(0)
    assert (counts.pending, counts.difference) == (2, 0)


def test_pending_for_over_a_minute_is_counted(database: LaneDatabase) -> None:
    log = MemoryLog()
    log.accept(application("old", at_ms=1_000))
    log.accept(application("new", at_ms=100_000))
    feed(LaneStore(database, TOPICS), [{HERE: log.records[HERE]}])
    counts = LaneReader(database, TOPICS).counts(101_000)
    assert (counts.pending, counts.pending_over_60_s, counts.oldest_pending_ms) == (2, 1, 1_000)


def test_an_applicant_s_applications_are_listed_newest_first_within_times(database: LaneDatabase) -> None:
    log = MemoryLog()
    for number in range(4):
        log.accept(application(f"a{number}", 7, at_ms=1_000 * number))
    log.accept(application("else", 8, at_ms=2_000))
    feed(LaneStore(database, TOPICS), [{HERE: log.records[HERE]}])
    found = LaneReader(database, TOPICS).of_applicant(7, from_ms=1_000, to_ms=3_000, client_id=None, limit=9)
    assert [kept.application_id for kept in found] == ["a2", "a1"]


def test_forgotten_months_stay_conserved(database: LaneDatabase) -> None:
    october, november = 1_760_000_000_000, 1_762_500_000_000
    log = MemoryLog()
    log.accept(application("old", at_ms=october, key_hash="ab" * 32))
    log.accept(application("new", at_ms=november))
    feed(LaneStore(database, TOPICS), [{HERE: log.records[HERE]}])
    reader = LaneReader(database, TOPICS)
    assert forget_old_months(database, keep_months=1, now_ms=november) == 0
    assert forget_old_months(database, keep_months=0, now_ms=november) == 1
    assert reader.application("old") is None
    assert reader.key_owner("bank", "ab" * 32) is None
    assert reader.application("new") is not None
    assert reader.counts(0).difference == 0
    assert oldest_kept(202601, 3) == 202510


def test_what_the_log_has_no_more_is_carried_over_and_conserved(database: LaneDatabase) -> None:
    store = LaneStore(database, TOPICS)
    fact = Accepted(application_id="old", position=Position(1, 0, 3), at_ms=1, client_id="bank")
    store.carry_over([fact])
    store.carry_over([fact])
    counts = LaneReader(database, TOPICS).counts(0)
    assert (counts.pending, counts.difference) == (1, 0)
