"""The command line and the client, as a person uses them on a running platform."""

from __future__ import annotations

import asyncio
import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from contracts.application import COLUMNS, example
from contracts.headers import (
    APPLICATION_ID,
    BATCH_ROW,
    CLIENT_ID,
    DLQ_ATTEMPTS,
    DLQ_DETAIL,
    DLQ_FIRST_SEEN,
    DLQ_REASON,
    DLQ_SOURCE_OFFSET,
    DLQ_SOURCE_PARTITION,
    DLQ_SOURCE_TOPIC,
)
from contracts.topics import (
    APPLICATIONS,
    APPLICATIONS_BATCH,
    APPLICATIONS_DLQ,
    PREDICTIONS,
    PREDICTIONS_BATCH,
)
from infra.runtime.kafka import KafkaConnection
from scorestream.cli import main
from scorestream.client import AsyncScorestreamClient, Refused, ScorestreamClient, produce_batch
from tests.e2e.conftest import ScoringPath
from tests.e2e.kafka_client import KafkaClient, Record, Request
from tests.e2e.processes import Process, wait_until

ROWS = 400


@pytest.fixture(scope="module")
def gateway(scoring_path: ScoringPath, gateway_url: str) -> str:
    return gateway_url


@pytest.fixture(scope="module")
def kafka(scoring_path: ScoringPath) -> Iterator[KafkaClient]:
    with KafkaClient(scoring_path.bootstrap_servers) as client:
        yield client


@pytest.fixture
def run(scoring_path: ScoringPath) -> Callable[..., Result]:
    """Runs a command in this process, connected to the platform under test."""

    def invoke(*arguments: str) -> Result:
        environment = {"KAFKA_BOOTSTRAP_SERVERS": scoring_path.bootstrap_servers}
        return CliRunner().invoke(main, arguments, env=environment)

    return invoke


def application(applicant: int, **changes: Any) -> dict[str, Any]:
    return {**json.loads(example("full")), "SK_ID_CURR": applicant, **changes}


def test_status_shows_what_is_up_and_names_what_is_down(
    run: Callable[..., Result], gateway: str, scoring_path: ScoringPath
) -> None:
    shown = run(
        "status", "--gateway-url", gateway, "--run-dir", str(scoring_path.run_dir), "--scorer-port", "1",
        "--mlflow-url", "http://127.0.0.1:1", "--ledger-url", "http://127.0.0.1:1",
    )  # fmt: skip
    assert shown.exit_code == 1
    assert "sync   0 behind, 4 partitions" in shown.output
    assert "credit-risk version" in shown.output
    assert "MLflow: does not answer" in shown.output
    assert f"{gateway}" in shown.output


def test_status_says_when_no_broker_answers() -> None:
    shown = CliRunner().invoke(main, ["status"], env={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert shown.exit_code == 1
    assert "does not answer" in shown.output


def test_score_prints_decisions_of_a_file(
    run: Callable[..., Result], gateway: str, tmp_path: Path, fresh_applicant: Callable[[], int]
) -> None:
    file = tmp_path / "applications.jsonl"
    applicants = [fresh_applicant() for _ in range(3)]
    file.write_text("".join(json.dumps(application(one)) + "\n" for one in applicants))
    shown = run("score", str(file), "--url", gateway, "--json")
    assert shown.exit_code == 0, shown.output
    assert [json.loads(line)["applicant_id"] for line in shown.output.splitlines()] == applicants


def test_score_names_the_wrong_field(run: Callable[..., Result], gateway: str, tmp_path: Path) -> None:
    file = tmp_path / "application.json"
    file.write_text(json.dumps(application(1, AMT_CREDIT=-1)))
    shown = run("score", str(file), "--url", gateway)
    assert shown.exit_code == 1
    assert "AMT_CREDIT" in shown.output


def test_the_client_gets_one_decision_however_often_it_asks(
    gateway: str, fresh_applicant: Callable[[], int]
) -> None:
    asked = application(fresh_applicant())
    with ScorestreamClient(gateway) as client:
        first = client.decide(asked, key="once")
        assert client.decide(asked, key="once") == first
        assert client.get(first.application_id) == first


def test_the_client_submits_and_waits_by_id(gateway: str, fresh_applicant: Callable[[], int]) -> None:
    with ScorestreamClient(gateway) as client:
        submitted = client.submit(application(fresh_applicant()))
        assert client.wait(submitted.application_id).application_id == submitted.application_id


@pytest.mark.usefixtures("batch_scorer")
def test_a_batch_from_python_is_decided_under_the_ids_it_was_given(
    scoring_path: ScoringPath, kafka: KafkaClient, fresh_applicant: Callable[[], int]
) -> None:
    connection = KafkaConnection(bootstrap_servers=scoring_path.bootstrap_servers)
    applications = [application(fresh_applicant()) for _ in range(50)]
    since = kafka.ends(PREDICTIONS_BATCH.name)
    ids = produce_batch(applications, connection, client_id="bank", batch_id="nightly")
    assert produce_batch(applications, connection, client_id="bank", batch_id="nightly") == ids
    decided = kafka.wait_for(
        PREDICTIONS_BATCH.name,
        since,
        lambda record: (record.header(APPLICATION_ID) or b"").decode() in ids,
        count=len(ids),
    )
    assert len(decided) == len(ids)
    assert {record.header(CLIENT_ID) for record in decided} == {b"bank"}


def test_what_a_batch_decided_can_be_fetched_by_id(
    scoring_path: ScoringPath, batch_scorer: Process, fresh_applicant: Callable[[], int]
) -> None:
    gateway = scoring_path.gateway(LEDGER_URL=scoring_path.ledger().url)
    connection = KafkaConnection(bootstrap_servers=scoring_path.bootstrap_servers)
    applicant = fresh_applicant()
    (mine,) = produce_batch([application(applicant)], connection)
    (theirs,) = produce_batch([application(applicant)], connection, client_id="bank")
    with ScorestreamClient(gateway.url) as client:
        wait_until(lambda: is_known(client, mine), why="the ledger has it")
        assert client.wait(mine).applicant_id == applicant
        with pytest.raises(Refused, match="no such application"):
            client.get(theirs)


def is_known(client: ScorestreamClient, application_id: str) -> bool:
    """Whether an application of the client's is found."""
    try:
        client.get(application_id)
    except Refused as refused:
        if refused.problem.status != 404:
            raise
        return False
    return True


def test_the_client_says_which_field_is_refused(gateway: str) -> None:
    with ScorestreamClient(gateway) as client, pytest.raises(Refused, match="DAYS_BIRTH") as refused:
        client.decide(application(1, DAYS_BIRTH=5))
    assert refused.value.problem.status == 422


def test_many_tasks_share_an_async_client(gateway: str, fresh_applicant: Callable[[], int]) -> None:
    applicants = [fresh_applicant() for _ in range(20)]

    async def ask() -> list[int]:
        async with AsyncScorestreamClient(gateway) as client:
            decisions = await asyncio.gather(*(client.decide(application(one)) for one in applicants))
        return [decision.applicant_id for decision in decisions]

    assert asyncio.run(ask()) == applicants


def test_a_dead_letter_is_listed_shown_and_put_back_with_its_id(
    run: Callable[..., Result], gateway: str, kafka: KafkaClient
) -> None:
    before = set(run("dlq", "list").output.split())
    kafka.send(APPLICATIONS.name, Request(value=b"{", key=b"1", headers=[(APPLICATION_ID, b"to-be-mended")]))
    wait_until(lambda: "to-be-mended" in run("dlq", "list").output, why="the dead letter is listed")
    place = next(
        word
        for word in run("dlq", "list").output.split()
        if "@" in word and word not in before and "[" not in word
    )
    assert "reason: UNDECODABLE" in run("dlq", "show", place).output
    assert "would be put back" in run("dlq", "redrive", place, "--dry-run").output
    assert run("dlq", "list").output.count("to-be-mended") == 1
    assert "put back" in run("dlq", "redrive", place).output
    wait_until(
        lambda: run("dlq", "list").output.count("to-be-mended") == 2,
        why="what still can't be decided comes back under the same id",
    )


def test_a_redrive_keeps_the_id_and_makes_no_second_decision(
    run: Callable[..., Result], gateway: str, kafka: KafkaClient, fresh_applicant: Callable[[], int]
) -> None:
    """Letters whose cause was mended: what they hold can be decided now."""
    applicant, application_id = fresh_applicant(), f"mended-{fresh_applicant()}"
    since = kafka.ends(PREDICTIONS.name)
    brought = {
        APPLICATION_ID: application_id, DLQ_REASON: "SCORING_FAILED", DLQ_DETAIL: "a bug, mended",
        DLQ_SOURCE_TOPIC: APPLICATIONS.name, DLQ_SOURCE_PARTITION: "0", DLQ_SOURCE_OFFSET: "0",
        DLQ_ATTEMPTS: "1", DLQ_FIRST_SEEN: "2026-01-01T00:00:00Z",
    }  # fmt: skip
    letter = Request(
        value=json.dumps(application(applicant)).encode(),
        key=str(applicant).encode(),
        headers=[(name, text.encode()) for name, text in brought.items()],
        partition=0,
    )
    placed = kafka.send(APPLICATIONS_DLQ.name, letter, letter)
    places = [f"{one.partition}@{one.offset}" for one in placed]
    said = run("dlq", "redrive", *places).output
    assert said.count("put back") == 1
    assert said.count("a copy of one that goes back") == 1

    def is_it(record: Record) -> bool:
        return record.header(APPLICATION_ID) == application_id.encode()

    kafka.wait_for(PREDICTIONS.name, since, is_it, count=1)
    assert run("dlq", "redrive", *places).output.count("decided already") == 2
    assert sum(map(is_it, kafka.read(PREDICTIONS.name, since))) == 1


def applications_file(folder: Path, first_applicant: int) -> Path:
    """A file of applications of which the last can't be decided."""
    file = folder / "applications.csv"
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        writer.writeheader()
        for row in range(ROWS):
            amount = -1 if row == ROWS - 1 else 45_000 + row
            writer.writerow(application(first_applicant + row, AMT_CREDIT=amount))
    return file


@pytest.fixture
def batch_scorer(scoring_path: ScoringPath) -> Iterator[Process]:
    """A worker of the batch lane, which is gone again for the tests that bring their own."""
    scorer = scoring_path.scorer(lane="batch")
    yield scorer
    scorer.terminate()


@pytest.mark.usefixtures("batch_scorer")
def test_a_batch_that_is_killed_goes_on_and_scores_nothing_twice(
    run: Callable[..., Result], scoring_path: ScoringPath, kafka: KafkaClient, tmp_path: Path
) -> None:
    before, decided_before = kafka.ends(APPLICATIONS_BATCH.name), kafka.ends(PREDICTIONS_BATCH.name)
    file, out = applications_file(tmp_path, 3_000_000), tmp_path / "decisions.parquet"
    state = out.with_name("decisions.parquet.batch.json")
    killed = subprocess.Popen(
        [sys.executable, "-m", "scorestream.cli", "score-batch", str(file), "--out", str(out)],
        env=scoring_path.environment(),
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: kafka.ends(APPLICATIONS_BATCH.name) != before, why="the batch has begun")
    killed.kill()
    killed.wait()
    ended = run("score-batch", str(file), "--out", str(out), "--nice", "0")
    assert ended.exit_code == 0, ended.output
    decisions = pq.read_table(out).to_pydict()
    assert decisions["row"] == list(range(ROWS))
    assert decisions["status"] == ["decided"] * (ROWS - 1) + ["dead"]
    assert decisions["applicant_id"][:-1] == list(range(3_000_000, 3_000_000 + ROWS - 1))
    assert decisions["dead_letter_reason"][-1] == "INVALID"
    for topic, since in ((APPLICATIONS_BATCH, before), (PREDICTIONS_BATCH, decided_before)):
        rows = [int(record.header(BATCH_ROW) or -1) for record in kafka.read(topic.name, since)]
        wanted = range(ROWS) if topic is APPLICATIONS_BATCH else range(ROWS - 1)  # the last is dead
        assert sorted(rows) == list(wanted)
    assert not state.exists()


def test_the_output_of_another_file_is_not_gone_on_with(run: Callable[..., Result], tmp_path: Path) -> None:
    file, out = applications_file(tmp_path, 4_000_000), tmp_path / "decisions.parquet"
    out.with_name("decisions.parquet.batch.json").write_text(
        json.dumps({"batch_id": "b", "file_sha256": "other", "rows": 1, "starts": {}})
    )
    ended = run("score-batch", str(file), "--out", str(out), "--nice", "0")
    assert ended.exit_code == 1
    assert "begun for another file" in ended.output


@pytest.fixture
def guarded(scoring_path: ScoringPath, tmp_path: Path) -> tuple[Process, Path]:
    """A gateway that asks for keys, and its keys file."""
    file = tmp_path / "keys.json"
    file.write_text('{"keys": []}')
    return scoring_path.gateway(GATEWAY_KEYS_FILE=str(file)), file


def test_keys_are_made_and_revoked_without_a_restart(
    run: Callable[..., Result], guarded: tuple[Process, Path], fresh_applicant: Callable[[], int]
) -> None:
    gateway, file = guarded
    asked = application(fresh_applicant())

    def status(key: str | None) -> int:
        with ScorestreamClient(gateway.url, api_key=key) as client:
            try:
                client.submit(asked)
            except Refused as refused:
                return refused.problem.status
        return 200

    assert status(None) == 401
    key = run("keys", "new", "--file", str(file), "--client-id", "bank").output.strip()
    wait_until(lambda: status(key) == 200, why="the new key is let in")
    key_id = run("keys", "list", "--file", str(file)).output.split()[0]
    assert run("keys", "revoke", key_id, "--file", str(file)).exit_code == 0
    wait_until(lambda: status(key) == 401, why="the revoked key is shut out")
    assert key not in gateway.log()


def is_let_in(client: ScorestreamClient, asked: dict[str, Any]) -> bool:
    try:
        client.submit(asked)
    except Refused as refused:
        return refused.problem.status != 401
    return True


def test_a_client_does_not_see_the_decision_of_another(
    run: Callable[..., Result], guarded: tuple[Process, Path], fresh_applicant: Callable[[], int]
) -> None:
    gateway, file = guarded
    keys = [
        run("keys", "new", "--file", str(file), "--client-id", client).output.strip()
        for client in ("one", "two")
    ]
    with (
        ScorestreamClient(gateway.url, api_key=keys[0]) as mine,
        ScorestreamClient(gateway.url, api_key=keys[1]) as other,
    ):
        asked = application(fresh_applicant())
        wait_until(lambda: is_let_in(mine, asked), why="the keys are let in")
        decision = mine.decide(asked)
        assert mine.get(decision.application_id) == decision
        with pytest.raises(Refused) as refused:
            other.get(decision.application_id)
    assert refused.value.problem.status == 404


def test_a_gateway_on_every_address_refuses_to_start_without_keys(scoring_path: ScoringPath) -> None:
    environment = {**scoring_path.environment(), "GATEWAY_HOST": "0.0.0.0"}  # noqa: S104 - it must not listen
    ended = subprocess.run(
        [sys.executable, "-m", "scorestream.cli", "gateway", "--port", "0"],
        env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "GATEWAY_KEYS_FILE" in ended.stderr
