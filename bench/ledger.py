"""How many decisions a second the ledger's writer stores on one core, and how long a look-up takes.

    .venv/bin/python -m bench.ledger --applications 40000

Records as the log has them (application and prediction, keyed) go through what a writer does with a fetch:
decode, merge, store with the offsets in one transaction. The control, in the same run, stores the same rows
with plain sqlite3 `executemany` in as many transactions: what the rules cost is the difference. Kafka and
HTTP are not in it; the ledger's own `x-lag-ms` tells whether it keeps up on a machine.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from contracts import headers
from contracts.application import example
from contracts.events import (
    ApplicationScored,
    DecisionDocument,
    ModelVersion,
    Reason,
    SnapshotUsed,
    SourceRecord,
    Timings,
    encode,
)
from contracts.identity import fresh_application_id
from contracts.lanes import Lane
from gateway.ledger.columns import to_columns
from gateway.ledger.database import open_lane
from gateway.ledger.fetch import take_apart
from gateway.ledger.progress import LogPartition
from gateway.ledger.reading import LaneReader
from gateway.ledger.rebuild import rows_in_order
from gateway.ledger.store import LaneStore
from gateway.ledger.tables import applications
from gateway.ledger.topics import lane_topics

T = TypeVar("T")

_TOPICS = lane_topics(Lane.SYNC)
_LOOK_UPS = 2_000
_CLIENT = "bench"
_BODY = msgspec.json.encode(json.loads(example("full")))
_REASONS = tuple(
    Reason("EXTERNAL_SCORE_LOW", "The external credit score is low", rank) for rank in (1, 2, 3, 4)
)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as a consumer gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    timestamp: int


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of the wall clock and of the processor for a number of decisions."""

    decisions: int
    wall_s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Decisions a second of processor time: of one core that does nothing else."""
        return self.decisions / self.cpu_s


def log_of(count: int) -> list[tuple[Record, Record]]:
    """Applications with their predictions, on one partition."""
    now_ms = time.time_ns() // 1_000_000
    return [_pair(at, now_ms + at // 2) for at in range(count)]


def stored(folder: Path, log: list[tuple[Record, Record]], *, transaction: int) -> Timed:
    """The time for storing `log` by the ledger's rules, `transaction` records at once."""
    database = open_lane(f"sqlite:///{folder}/ledger.db", Lane.SYNC)
    database.prepare(wait_s=5)
    store = LaneStore(database, _TOPICS)
    places = [LogPartition(_TOPICS.applications, 0), LogPartition(_TOPICS.predictions, 0)]
    progress = store.begin(dict.fromkeys(places, 0))
    wall, cpu = time.perf_counter(), time.process_time()
    for pairs in _chunks(log, max(1, transaction // 2)):
        batches = dict(zip(places, map(list, zip(*pairs, strict=True)), strict=True))
        fetched = take_apart(batches, progress, _TOPICS)
        progress = progress | store.write(fetched.facts, fetched.moves)
    timed = Timed(len(log), time.perf_counter() - wall, time.process_time() - cpu)
    database.close()
    return timed


def plain(folder: Path, rows: list[dict[str, Any]], *, transaction: int) -> Timed:
    """The time for the same rows with nothing but sqlite3."""
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    for setting in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-32768", "wal_autocheckpoint=4000"):
        connection.execute(f"PRAGMA {setting}")
    dialect = sqlite.dialect()
    connection.execute(str(CreateTable(applications).compile(dialect=dialect)))
    for index in applications.indexes:
        connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
    names = list(rows[0])
    statement = (
        f"INSERT INTO applications ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
    )
    wall, cpu = time.perf_counter(), time.process_time()
    for some in _chunks(rows, max(1, transaction // 2)):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, some)
        connection.execute("COMMIT")
    timed = Timed(len(rows), time.perf_counter() - wall, time.process_time() - cpu)
    connection.close()
    return timed


def looked_up(folder: Path, ids: list[str]) -> list[float]:
    """Milliseconds of look-ups by id, one after the other."""
    database = open_lane(f"sqlite:///{folder}/ledger.db", Lane.SYNC)
    reader = LaneReader(database, _TOPICS)
    taken: list[float] = []
    for name in ids:
        started = time.perf_counter()
        if reader.application(name) is None:
            raise click.ClickException(f"{name} was not stored")
        taken.append((time.perf_counter() - started) * 1000)
    database.close()
    return taken


@click.command(help=__doc__)
@click.option("--applications", "count", type=click.IntRange(1_000), default=40_000, show_default=True)
@click.option(
    "--transaction", type=click.IntRange(2), default=2_000, show_default=True, help="Records in one."
)
def main(count: int, transaction: int) -> None:
    """Measure and print."""
    log = log_of(count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = stored(folder, log, transaction=transaction)
        database = open_lane(f"sqlite:///{folder}/ledger.db", Lane.SYNC)
        rows = [to_columns(row) for row in rows_in_order(database)]
        database.close()
        control = plain(folder, rows, transaction=transaction)
        step = max(1, count // _LOOK_UPS)
        taken = looked_up(
            folder, [dict(pair[0].headers)[headers.APPLICATION_ID].decode() for pair in log[::step]]
        )
    for what, timed in (("ledger", ledger), ("control: sqlite3 executemany", control)):
        click.echo(
            f"{what}: {timed.per_s:,.0f} decisions per second of one core, "
            f"{timed.decisions / timed.wall_s:,.0f} by the clock ({timed.decisions:,} decisions)"
        )
    click.echo(f"the rules cost {control.per_s / ledger.per_s:.1f} times the bare rows")
    cuts = statistics.quantiles(taken, n=100)
    click.echo(f"look-up by id: p50 {cuts[49]:.3f} ms, p99 {cuts[98]:.3f} ms, max {max(taken):.3f} ms")


def _pair(at: int, at_ms: int) -> tuple[Record, Record]:
    application_id, applicant = fresh_application_id(), 100_000 + at
    key = str(applicant).encode()
    request_hash = hashlib.sha256(key).hexdigest()
    given = [
        (headers.APPLICATION_ID, application_id.encode()),
        (headers.CLIENT_ID, _CLIENT.encode()),
        (headers.REQUEST_HASH, request_hash.encode()),
        (headers.SCHEMA_VERSION, headers.SCHEMA_VERSION_1),
        (headers.IDEMPOTENCY_KEY_HASH, request_hash.encode()),
    ]
    accepted = Record(_TOPICS.applications, 0, at, key, _BODY, given, at_ms)
    value = encode(_scored(application_id, applicant, at, request_hash))
    return accepted, Record(_TOPICS.predictions, 0, at, key, value, given[:2], at_ms + 5)


def _scored(application_id: str, applicant: int, at: int, request_hash: str) -> ApplicationScored:
    decision = DecisionDocument(
        application_id=application_id,
        applicant_id=applicant,
        decision="refer",
        probability_of_default=0.0731,
        score=612,
        reasons=_REASONS,
        model=ModelVersion("credit-risk", "7"),
        feature_snapshot=SnapshotUsed("f" * 64, "2026-11-01T00:00:00Z", applicant_found=True),
        decided_at="2026-11-01T00:00:00.000Z",
    )
    return ApplicationScored(
        application_id=application_id,
        decision=msgspec.Raw(encode(decision)),
        application=msgspec.Raw(_BODY),
        request_hash=request_hash,
        feature_hash="0" * 64,
        margin=0.1,
        model_digest="0" * 64,
        source=SourceRecord(_TOPICS.applications, 0, at),
        lane=Lane.SYNC.value,
        scorer="bench",
        timings=Timings(1.0, 1.0),
    )


def _chunks(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


if __name__ == "__main__":
    main()
