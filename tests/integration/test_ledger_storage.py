"""The same rules on SQLite and on PostgreSQL: the tables are where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from contracts import headers
from contracts.lanes import Lane
from gateway.ledger.database import LaneDatabase, open_lane
from gateway.ledger.errors import StorageUnavailable, Superseded
from gateway.ledger.facts import Fact
from gateway.ledger.fetch import take_apart
from gateway.ledger.progress import LogPartition
from gateway.ledger.reading import LaneReader
from gateway.ledger.rebuild import rows_in_order
from gateway.ledger.retention import forget_old_months
from gateway.ledger.rules import Status
from gateway.ledger.store import LaneStore
from gateway.ledger.tables import metadata
from tests.ledger_log import TOPICS, MemoryLog, Record, application, dead_letter, feed, fetches, prediction
from tests.postgres import PostgresServer

OCTOBER, NOVEMBER = 1_760_000_000_000, 1_762_500_000_000
APPLICATIONS, PREDICTIONS = LogPartition("applications", 0), LogPartition("predictions", 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture
def database(url: str) -> Iterator[LaneDatabase]:
    opened = open_lane(url, Lane.SYNC)
    opened.prepare(wait_s=10)
    yield opened
    opened.close()


def test_the_migrations_make_the_declared_tables(database: LaneDatabase) -> None:
    with database.reading() as connection:
        found = inspect(connection)
        for table in metadata.tables.values():
            if table.name == "application_months" and not database.is_partitioned:
                continue
            columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
            assert columns == {column.name: column.nullable for column in table.c}, table.name


def test_two_processes_may_migrate_at_once(url: str) -> None:
    both = [open_lane(url, Lane.SYNC) for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(one.prepare, wait_s=20) for one in both]:
            done.result()
    for one in both:
        assert LaneReader(one, TOPICS).progress() == {}
        one.close()


def test_a_decision_may_come_before_its_application_and_from_another_month(database: LaneDatabase) -> None:
    log = MemoryLog()
    log.accept(application("a", at_ms=OCTOBER))
    log.decide(prediction("a", at_ms=NOVEMBER))
    store, reader = LaneStore(database, TOPICS), LaneReader(database, TOPICS)
    feed(store, fetches(log, [PREDICTIONS, APPLICATIONS]))
    kept = reader.application("a")
    assert kept is not None
    assert (kept.status, kept.placed_at_ms) == (Status.DECIDED, OCTOBER)
    assert [row.month for row in rows_in_order(database)] == [202510]
    counts = reader.counts(NOVEMBER)
    assert (counts.decided, counts.without_record, counts.difference) == (1, 0, 0)


def test_an_id_is_one_row_whatever_the_months_of_its_records(database: LaneDatabase) -> None:
    log = MemoryLog()
    log.accept(application("a", at_ms=OCTOBER))
    log.accept(application("a", at_ms=NOVEMBER))
    log.bury(dead_letter("a", at_ms=NOVEMBER))
    feed(
        LaneStore(database, TOPICS),
        fetches(log, [place for place, kept in log.records.items() for _ in kept]),
    )
    assert [(row.month, row.status) for row in rows_in_order(database)] == [(202510, Status.DEAD)]


def test_a_month_is_a_table_of_its_own_and_forgotten_as_one(database: LaneDatabase) -> None:
    if not database.is_partitioned:
        pytest.skip("SQLite has no partitions")
    log = MemoryLog()
    log.accept(application("old", at_ms=OCTOBER, key_hash="ab" * 32))
    log.accept(application("new", at_ms=NOVEMBER))
    feed(LaneStore(database, TOPICS), [{APPLICATIONS: log.records[APPLICATIONS]}])
    with database.reading() as connection:
        for month, rows in ((202510, 1), (202511, 1)):
            assert connection.scalar(text(f"SELECT count(*) FROM applications_{month}")) == rows
        assert connection.scalar(text("SELECT count(*) FROM applications_other")) == 0
    assert forget_old_months(database, keep_months=0, now_ms=NOVEMBER) == 1
    reader = LaneReader(database, TOPICS)
    assert [reader.application(name) is None for name in ("old", "new")] == [True, False]
    assert reader.key_owner("bank", "ab" * 32) is None
    assert reader.counts(NOVEMBER).difference == 0


def test_two_writers_at_once_apply_a_record_once(url: str, database: LaneDatabase) -> None:
    log = MemoryLog()
    for number in range(50):
        log.accept(application(f"a{number}"))
    second = open_lane(url, Lane.SYNC)
    stores = [LaneStore(database, TOPICS), LaneStore(second, TOPICS)]
    fetched = take_apart(log.records, stores[0].begin({APPLICATIONS: 0}), TOPICS)

    def write(store: LaneStore) -> bool:
        try:
            store.write(fetched.facts, fetched.moves)
        except Superseded:
            return False
        return True

    with ThreadPoolExecutor() as threads:
        assert sorted(threads.map(write, stores)) == [False, True]
    counts = LaneReader(database, TOPICS).counts(0)
    assert (counts.pending, counts.difference) == (50, 0)
    second.close()


def test_no_record_can_stop_the_ledger(database: LaneDatabase) -> None:
    log = MemoryLog()
    nul = "nul \x00 and \ud83d".encode("utf-8", "surrogatepass")
    hostile = [
        Record(key=None, value=None),
        Record(key=b"\xff" * 9, value=b"\x00", headers=[(headers.CLIENT_ID, nul * 200)], timestamp=-1),
        Record(key=b"9" * 19, value=b"{}", headers=[(headers.APPLICATION_ID, nul)], timestamp=2**62),
        Record(key=b"9" * 40, value=b"x", headers=[(headers.IDEMPOTENCY_KEY_HASH, nul)], timestamp=0),
    ]
    for record in hostile:
        log.accept(record)
        log.decide(record)
        log.bury(record)
    huge = str(2**63 - 1)
    source = [
        (headers.DLQ_SOURCE_TOPIC, b"applications"),
        (headers.DLQ_SOURCE_PARTITION, huge.encode()),
        (headers.DLQ_SOURCE_OFFSET, huge.encode()),
        (headers.DLQ_DETAIL, nul * 5_000),
        (headers.DLQ_ATTEMPTS, huge.encode()),
    ]
    log.bury(Record(key=None, value=None, headers=source, timestamp=2**60))
    feed(LaneStore(database, TOPICS), [{place: kept} for place, kept in log.records.items()])
    counts = LaneReader(database, TOPICS).counts(0)
    assert (counts.pending, counts.dead, counts.difference) == (len(hostile), 1, 0)


def test_rebuilt_tables_replace_the_old_in_one_step_for_open_connections(
    url: str, database: LaneDatabase
) -> None:
    log = MemoryLog()
    log.accept(application("old"))
    store, reader = LaneStore(database, TOPICS), LaneReader(database, TOPICS)
    feed(store, [{APPLICATIONS: log.records[APPLICATIONS]}])
    operator = open_lane(url, Lane.SYNC)
    with operator.rebuilding() as fresh:
        fresh.prepare(wait_s=10)
        other = MemoryLog()
        other.accept(application("new"))
        other.accept(application("newer"))
        feed(LaneStore(fresh, TOPICS), [{APPLICATIONS: other.records[APPLICATIONS]}])
        assert [reader.application(name) is None for name in ("old", "new")] == [False, True]
        with (
            pytest.raises(StorageUnavailable, match="another process"),
            open_lane(url, Lane.SYNC).rebuilding(),
        ):
            pass
        operator.swap(fresh)
    assert [reader.application(name) is None for name in ("old", "new")] == [True, False]
    # The writer that was there goes on in the new tables, from their offsets.
    with pytest.raises(Superseded):
        store.write(
            [],
            take_apart(
                {APPLICATIONS: [log.accept(application("x"))]},
                {APPLICATIONS: reader.progress()[APPLICATIONS].__class__(0, 1)},
                TOPICS,
            ).moves,
        )
    assert store.progress()[APPLICATIONS].next_offset == 2
    operator.close()


def test_an_abandoned_rebuild_leaves_nothing(url: str, database: LaneDatabase) -> None:
    class Interrupted(Exception):
        pass

    def abandon() -> None:
        with database.rebuilding() as fresh:
            fresh.prepare(wait_s=10)
            raise Interrupted

    with pytest.raises(Interrupted):
        abandon()
    with database.rebuilding() as fresh, pytest.raises(StorageUnavailable):
        LaneReader(fresh, TOPICS).progress()


def test_a_restarted_server_is_found_again(postgres_server: PostgresServer, postgres_url: str) -> None:
    database = open_lane(postgres_url, Lane.SYNC)
    database.prepare(wait_s=10)
    store, reader = LaneStore(database, TOPICS), LaneReader(database, TOPICS)
    log = MemoryLog()
    facts: list[Fact] = []
    assert reader.application("a") is None
    postgres_server.stop(is_crash=True)
    with pytest.raises(StorageUnavailable):
        reader.application("a")
    with pytest.raises(StorageUnavailable):
        store.write(facts, {})
    postgres_server.start()
    log.accept(application("a"))
    feed(store, [{APPLICATIONS: log.records[APPLICATIONS]}])
    assert reader.application("a") is not None
    database.close()
