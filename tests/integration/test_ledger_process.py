"""A real ledger on real topics: look-ups, restarts, faults of its database, rebuilds."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from click.testing import CliRunner

from contracts.lanes import Lane
from gateway.ledger.audit import Audit
from gateway.ledger.database import open_lane
from gateway.ledger.metrics import LedgerMetrics
from gateway.ledger.reading import LaneReader
from gateway.ledger.rebuild import rebuild_lane
from gateway.ledger.settings import LedgerSettings
from scorestream.commands.ledger import ledger as command
from tests.conftest import FreshTopic
from tests.e2e.processes import wait_until
from tests.ledger_log import NOW_MS, application, dead_letter, document, prediction
from tests.ledger_process import (
    LedgerProcess,
    Written,
    environment_of,
    ledger_settings,
    produce,
    stored_rows,
    topics_of,
)
from tests.postgres import PostgresServer

Start = Callable[..., LedgerProcess]
UNKNOWN = "00000000-0000-0000-0000-000000000000"


class SilentBar:
    def begin(self, records: int) -> None:
        self.total = records

    def advance(self, records: int) -> None:
        self.total -= records


@pytest.fixture
def settings(kafka_bootstrap: str, fresh_topic: FreshTopic, tmp_path: Path) -> LedgerSettings:
    return ledger_settings(kafka_bootstrap, fresh_topic, f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[LedgerProcess] = []

    def one(settings: LedgerSettings, *, is_waiting: bool = True) -> LedgerProcess:
        ledger = LedgerProcess(settings, tmp_path / f"ledger-{len(started)}.log")
        started.append(ledger)
        ledger.start(is_waiting=is_waiting)
        return ledger

    yield one
    for ledger in started:
        ledger.kill()


def write(settings: LedgerSettings, *written: Written) -> None:
    produce(settings.kafka.bootstrap_servers, written)


def flow(settings: LedgerSettings, names: list[str], lane: Lane = Lane.SYNC) -> Iterator[Written]:
    """An application and its prediction for each name."""
    topics = settings.topics(lane)
    for number, name in enumerate(names):
        partition, offset = number % 2, number // 2
        yield topics.applications, partition, application(name, 100 + number)
        source = (topics.applications, partition, offset)
        yield topics.predictions, partition, prediction(name, 100 + number, source=source)


def is_decided(ledger: LedgerProcess, count: int, lane: str = "sync") -> bool:
    return ledger.counts(lane).get("decided") == count


def test_a_decision_is_fetched_by_id_byte_for_byte(settings: LedgerSettings, start: Start) -> None:
    topics, ledger = topics_of(settings), start(settings)
    path = "/v1/applications/a"
    unknown = ledger.get(path, client_id="bank")
    assert (unknown.status_code, unknown.json()["type"]) == (
        404,
        "urn:scorestream:problem:unknown-application",
    )
    write(settings, (topics.applications, 0, application("a")))
    # No waiting: a 404 now would be a lie, the ledger waits until it has read what is there.
    pending = ledger.get(path, client_id="bank")
    assert (pending.status_code, pending.json()["status"]) == (202, "pending")
    decided = prediction("a", source=(topics.applications, 0, 0))
    write(settings, (topics.predictions, 0, decided))
    wait_until(lambda: ledger.get(path).status_code == 200, why="decided")
    answer = ledger.get(path, client_id="bank")
    assert answer.content == document(decided)
    assert int(answer.headers["x-lag-ms"]) >= 0
    assert ledger.get(path, client_id="shop").status_code == 404
    assert ledger.get(path, client_id="bank", lane="batch").status_code == 404


def test_a_dead_letter_is_gone_with_its_reason(settings: LedgerSettings, start: Start) -> None:
    topics, ledger = topics_of(settings), start(settings)
    buried = dead_letter("a", reason="SCORING_FAILED", source=(topics.applications, 0, 0))
    write(settings, (topics.applications, 0, application("a")), (topics.dead_letters, 0, buried))
    wait_until(lambda: ledger.get("/v1/applications/a").status_code == 410, why="dead")
    problem = ledger.get("/v1/applications/a", client_id="bank").json()
    assert problem["type"] == "urn:scorestream:problem:dead-lettered"
    assert "SCORING_FAILED" in problem["title"]


def test_a_key_leads_to_its_application_and_hash(settings: LedgerSettings, start: Start) -> None:
    topics, ledger, key = topics_of(settings), start(settings), "cd" * 32
    assert ledger.get(f"/v1/keys/{key}", client_id="bank").status_code == 404
    write(settings, (topics.applications, 0, application("a", 7, key_hash=key)))
    answer = ledger.get(f"/v1/keys/{key}", client_id="bank").json()
    assert (answer["application_id"], answer["applicant_id"], answer["status"]) == ("a", 7, "accepted")
    assert len(answer["request_hash"]) == 64
    assert ledger.get(f"/v1/keys/{key}", client_id="shop").status_code == 404


def test_a_key_whose_application_the_log_has_lost_is_known_by_its_decision(
    settings: LedgerSettings, start: Start
) -> None:
    topics, key = topics_of(settings), "cd" * 32
    write(settings, (topics.predictions, 0, prediction("a", source=(topics.applications, 0, 0))))
    ledger = start(settings)
    wait_until(lambda: ledger.get("/v1/applications/a").status_code == 200, why="decided")
    assert ledger.get(f"/v1/keys/{key}", client_id="bank").status_code == 404
    answer = ledger.get(f"/v1/keys/{key}", client_id="bank", application_id="a").json()
    assert (answer["application_id"], answer["status"]) == ("a", "decided")
    assert ledger.get(f"/v1/keys/{key}", client_id="shop", application_id="a").status_code == 404


def test_an_applicant_s_applications_of_both_lanes_are_listed(settings: LedgerSettings, start: Start) -> None:
    ledger = start(settings)
    sync, batch = settings.topics(Lane.SYNC), settings.topics(Lane.BATCH)
    early = application("early", 7, at_ms=NOW_MS - 100_000)
    late = application("late", 7, at_ms=NOW_MS)
    write(settings, (sync.applications, 0, early), (batch.applications, 0, late))
    path = "/v1/applicants/7/applications"
    wait_until(lambda: len(ledger.get(path).json()["applications"]) == 2, why="both are there")
    listed = ledger.get(path).json()["applications"]
    assert [(one["application_id"], one["lane"]) for one in listed] == [("late", "batch"), ("early", "sync")]
    cut = ledger.get(path, limit=1).json()
    assert ([one["application_id"] for one in cut["applications"]], cut["is_cut"]) == (["late"], True)
    before = ledger.get(path, to=datetime.fromtimestamp(NOW_MS / 1000 - 50, UTC).isoformat()).json()[
        "applications"
    ]
    assert [one["application_id"] for one in before] == ["early"]


def test_a_flood_in_the_batch_lane_does_not_keep_the_sync_lane_waiting(
    settings: LedgerSettings, start: Start
) -> None:
    names = [f"batch-{number}" for number in range(20_000)]
    produce(settings.kafka.bootstrap_servers, flow(settings, names, Lane.BATCH))
    ledger = start(settings, is_waiting=False)  # ready means caught up
    write(settings, *flow(settings, ["a", "b"]))
    wait_until(lambda: is_decided(ledger, 2), timeout_s=60, why="the sync lane is decided")
    assert ledger.counts("batch").get("decided", 0) < len(names)
    wait_until(lambda: is_decided(ledger, len(names), "batch"), timeout_s=120, why="the batch too, later")
    assert ledger.counts("batch")["difference"] == 0


def test_writers_end_with_a_ledger_that_is_killed(settings: LedgerSettings, start: Start) -> None:
    ledger = start(settings)
    writers = ledger.writers()
    assert set(writers) == {"sync", "batch"}
    ledger.kill()
    for pid in writers.values():
        wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), why="the writer ended")  # type: ignore[misc]
    again = start(settings)
    write(settings, *flow(settings, ["a"]))
    wait_until(lambda: is_decided(again, 1), why="it goes on")


def test_a_ledger_that_is_told_to_stop_ends_with_status_0(settings: LedgerSettings, start: Start) -> None:
    ledger = start(settings)
    writers = ledger.writers()
    assert ledger.terminate() == 0
    assert not [pid for pid in writers.values() if Path(f"/proc/{pid}").exists()]


def test_a_writer_that_dies_is_started_again_and_goes_on(settings: LedgerSettings, start: Start) -> None:
    ledger = start(settings)
    write(settings, *flow(settings, ["a"]))
    wait_until(lambda: is_decided(ledger, 1), why="the first is decided")
    first = ledger.writers()["sync"]
    kill(first)
    wait_until(lambda: ledger.writers().get("sync", first) != first, why="another writer runs")
    topics = topics_of(settings)
    write(
        settings,
        (topics.applications, 0, application("b")),
        (topics.predictions, 0, prediction("b", source=(topics.applications, 0, 1))),
    )
    wait_until(lambda: is_decided(ledger, 2), why="the second is decided")
    wait_until(lambda: not ledger.wrong(), why="ready again")
    assert ledger.counts()["difference"] == 0


def test_a_full_disk_stops_it_and_space_lets_it_go_on(settings: LedgerSettings, start: Start) -> None:
    ledger = start(settings)
    writer = ledger.writers()["sync"]
    # The kernel refuses to let its files grow, as it does on a disk that is full.
    limits = resource.prlimit(writer, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    write(settings, *flow(settings, [f"a{number}" for number in range(500)]))
    wait_until(lambda: "StorageUnavailable" in ledger.wrong().get("sync", ""), why="it says so")
    assert ledger.get("/healthz").status_code == 200
    assert ledger.get(f"/v1/applications/{UNKNOWN}").status_code == 503
    assert ledger.writers()["sync"] == writer
    resource.prlimit(writer, resource.RLIMIT_FSIZE, limits)
    wait_until(lambda: is_decided(ledger, 500), why="it catches up")
    wait_until(lambda: not ledger.wrong(), why="ready again")
    assert ledger.counts()["difference"] == 0
    assert ledger.writers()["sync"] == writer


def test_a_postgresql_that_is_away_is_waited_for(
    settings: LedgerSettings, start: Start, postgres_server: PostgresServer, postgres_url: str
) -> None:
    settings = settings.model_copy(update={"database_url": postgres_url})
    ledger = start(settings)
    write(settings, *flow(settings, ["a", "b"]))
    wait_until(lambda: is_decided(ledger, 2), why="the first are decided")
    writers = ledger.writers()
    postgres_server.stop(is_crash=True)
    topics = topics_of(settings)
    write(settings, (topics.applications, 0, application("c")))
    wait_until(lambda: "StorageUnavailable" in ledger.wrong().get("sync", ""), why="it says so")
    assert ledger.get("/v1/applications/a").status_code == 503
    assert ledger.get("/v1/applications/a").headers["retry-after"] == "1"
    postgres_server.start()
    wait_until(lambda: ledger.get("/v1/applications/c").status_code == 202, why="it catches up")
    wait_until(lambda: not ledger.wrong(), why="ready again")
    assert ledger.writers() == writers
    assert (ledger.counts()["decided"], ledger.counts()["difference"]) == (2, 0)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_rebuild_beside_a_running_ledger_gives_the_same_rows(
    kind: str, settings: LedgerSettings, start: Start, request: pytest.FixtureRequest
) -> None:
    if kind == "postgresql":
        settings = settings.model_copy(update={"database_url": request.getfixturevalue("postgres_url")})
    ledger, topics = start(settings), topics_of(settings)
    write(settings, *flow(settings, [f"a{number}" for number in range(300)]))
    wait_until(lambda: is_decided(ledger, 300), why="decided")
    before = stored_rows(settings)
    checked = asyncio.run(rebuild_lane(Lane.SYNC, settings, SilentBar(), is_comparison=True))
    assert (checked.rows, checked.different_rows) == (300, 0)
    rebuilt = asyncio.run(rebuild_lane(Lane.SYNC, settings, SilentBar()))
    assert (rebuilt.records, rebuilt.rows) == (600, 300)
    assert stored_rows(settings) == before
    write(settings, (topics.applications, 0, application("new")))
    wait_until(
        lambda: ledger.get("/v1/applications/new").status_code == 202, why="it goes on in the new tables"
    )
    assert stored_rows(settings)[:300] == before
    assert ledger.counts()["difference"] == 0
    assert not ledger.wrong()


def test_a_rebuild_keeps_what_the_log_has_no_more(settings: LedgerSettings, start: Start) -> None:
    ledger, topics = start(settings), topics_of(settings)
    write(settings, *flow(settings, [f"a{number}" for number in range(100)]))
    wait_until(lambda: is_decided(ledger, 100), why="decided")
    before = stored_rows(settings)
    # As retention does; the two topics never lose the same applications.
    remove_before(settings, {topics.applications: 30, topics.predictions: 10})
    rebuilt = asyncio.run(rebuild_lane(Lane.SYNC, settings, SilentBar()))
    assert (rebuilt.rows, rebuilt.carried_over) == (100, 2 * 30 + 2 * 10)
    assert stored_rows(settings) == before
    counts = ledger.counts()
    assert (counts["accepted"], counts["difference"], counts["orphans"]) == (100, 0, 0)


def test_the_command_compares_and_rebuilds(settings: LedgerSettings, start: Start) -> None:
    ledger = start(settings)
    write(settings, *flow(settings, ["a", "b", "c"]))
    wait_until(lambda: is_decided(ledger, 3), why="decided")
    environment = environment_of(settings)
    checked = CliRunner().invoke(command, ["rebuild", "--lane", "sync", "--check"], env=environment)
    assert (checked.exit_code, "the tables are what the log says" in checked.output) == (0, True)
    with open_lane(settings.database_url, Lane.SYNC).writing() as connection:
        connection.exec_driver_sql("DELETE FROM applications WHERE application_id = 'c'")
    checked = CliRunner().invoke(command, ["rebuild", "--lane", "sync", "--check"], env=environment)
    assert (checked.exit_code, "1 rows differ, among them c" in checked.output) == (1, True)
    rebuilt = CliRunner().invoke(command, ["rebuild"], env=environment)
    assert (rebuilt.exit_code, "3 applications" in rebuilt.output) == (0, True)
    assert ledger.get("/v1/applications/c").status_code == 200


def test_a_comparison_with_the_log_finds_a_row_that_was_changed(
    settings: LedgerSettings, start: Start
) -> None:
    ledger = start(settings)
    write(settings, *flow(settings, ["a", "b", "c"]))
    wait_until(lambda: is_decided(ledger, 3), why="decided")
    with open_lane(settings.database_url, Lane.SYNC).writing() as connection:
        connection.exec_driver_sql("UPDATE applications SET decision = x'7b7d' WHERE application_id = 'b'")
        connection.exec_driver_sql("DELETE FROM applications WHERE application_id = 'c'")
    assert ledger.counts()["difference"] == 1
    checked = asyncio.run(rebuild_lane(Lane.SYNC, settings, SilentBar(), is_comparison=True))
    assert (checked.different_rows, checked.differences) == (2, ("b", "c"))


def test_an_audit_finds_an_application_of_the_log_without_a_row(
    settings: LedgerSettings, start: Start
) -> None:
    ledger = start(settings)
    write(settings, *flow(settings, ["a", "b", "c"]))
    wait_until(lambda: is_decided(ledger, 3), why="decided")
    reader = LaneReader(open_lane(settings.database_url, Lane.SYNC), topics_of(settings))
    audit = Audit(Lane.SYNC, topics_of(settings), settings.kafka, LedgerMetrics())

    async def missing(ids: Collection[str]) -> set[str]:
        return reader.missing(ids)

    assert asyncio.run(audit.once(reader.progress(), missing)) == set()
    with open_lane(settings.database_url, Lane.SYNC).writing() as connection:
        connection.exec_driver_sql("DELETE FROM applications WHERE application_id = 'c'")
    assert asyncio.run(audit.once(reader.progress(), missing)) == {"c"}


def remove_before(settings: LedgerSettings, offsets: dict[str, int]) -> None:
    async def work() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
        await admin.start()
        try:
            await admin.delete_records(
                {
                    TopicPartition(topic, partition): RecordsToDelete(before_offset=offset)
                    for topic, offset in offsets.items()
                    for partition in (0, 1)
                }
            )
        finally:
            await admin.close()

    asyncio.run(work())


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
