"""A broker with TLS, passwords and ACLs: each process works as its own principal, and nobody does more.

The table of infra/kafka/acls.py is held to the broker both ways: what it lists is enough for the
platform's real processes, and what it does not list is refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from click.testing import CliRunner, Result

from contracts.application import example
from contracts.events import ModelPromoted, SnapshotPublished
from contracts.topics import APPLICATIONS, PREDICTIONS, TOPICS
from feature_service.announce import announce
from infra.kafka.acls import ROLES, Kind, Operation, Role, declared_acls
from infra.kafka.errors import LocalExtraMissing
from infra.runtime.kafka import KafkaConnection
from scorestream.cli import main
from scorestream.client import ScorestreamClient
from tests.conftest import BrokerChoice
from tests.e2e.conftest import PARTITIONS, ScoringPath
from tests.e2e.processes import Process, wait_until
from tests.kafka_probe import asking
from tests.secured_kafka import STRANGER, SUPER_USER, Authority, SecuredKafka
from training.promotions import publish

ROWS = 40

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    if BrokerChoice().kafka_tests != "embedded":
        pytest.skip("needs a broker with passwords and ACLs of its own: KAFKA_TESTS=embedded")
    try:
        with SecuredKafka(tmp_path_factory.mktemp("secured")) as broker:
            yield broker
    except LocalExtraMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def run(kafka: SecuredKafka) -> Run:
    """Runs a command as a user."""

    def invoke(user: str, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env=kafka.environment(user))

    return invoke


@pytest.fixture(scope="module")
def declared(run: Run) -> None:
    """Topics and ACLs, made by the commands that a real installation runs."""
    patience = ("--timeout", "120")
    made = run(
        SUPER_USER, "topics", "ensure", "--partitions", str(PARTITIONS), "--replication", "1", *patience
    )
    assert made.exit_code == 0, made.output
    allowed = run(SUPER_USER, "acls", "apply", *patience)
    assert allowed.exit_code == 0, allowed.output


@pytest.fixture(scope="module")
def platform(
    kafka: SecuredKafka,
    declared: None,
    promoted: ModelPromoted,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Process]]:
    """Every process that runs for ever, each as its own principal."""
    asyncio.run(publish(promoted, kafka.connection("training").client_options()))
    folder = tmp_path_factory.mktemp("secured-platform")
    path = ScoringPath(kafka.bootstrap_servers, folder)
    try:
        yield start_platform(path, kafka, folder)
    finally:
        path.stop()


def start_platform(path: ScoringPath, kafka: SecuredKafka, folder: Path) -> dict[str, Process]:
    ledger_settings = {
        "LEDGER_DATABASE_URL": f"sqlite:///{folder / 'ledger.db'}",
        **kafka.environment("ledger"),
    }
    archive_settings = {"ARCHIVE_STORE": str(folder / "archive"), **kafka.environment("archive")}
    processes = {
        "archive": path.start("archive", ["archive"], **archive_settings),
        "lag": path.start("lag", ["lag"], **kafka.environment("lag-exporter")),
        "ledger": path.start("ledger", ["ledger"], **ledger_settings),
        "sync": path.start("scorer", ["scorer", "--lane", "sync"], **kafka.environment("scorer-sync")),
        "batch": path.start("scorer", ["scorer", "--lane", "batch"], **kafka.environment("scorer-batch")),
    }
    gateway_settings = {"LEDGER_URL": processes["ledger"].url, **kafka.environment("gateway")}
    processes["gateway"] = path.start("gateway", ["gateway"], **gateway_settings)
    for process in processes.values():
        process.wait_ready()
    return processes


def application(applicant: int) -> dict[str, Any]:
    return {**json.loads(example("full")), "SK_ID_CURR": applicant}


def test_an_application_is_decided_and_found_again_with_every_process_as_its_own_principal(
    platform: dict[str, Process], fresh_applicant: Callable[[], int]
) -> None:
    with ScorestreamClient(platform["gateway"].url) as client:
        decision = client.decide(application(fresh_applicant()), key="once")
        assert client.get(decision.application_id) == decision


def test_a_file_goes_through_the_batch_lane_as_the_batch_producer(
    platform: dict[str, Process], run: Run, tmp_path: Path, fresh_applicant: Callable[[], int]
) -> None:
    file, out = tmp_path / "applications.csv", tmp_path / "decisions.parquet"
    first = application(fresh_applicant())
    rows = [{**first, "SK_ID_CURR": fresh_applicant()} for _ in range(ROWS)]
    lines = [
        ",".join("" if one is None else str(one).replace(",", " ") for one in row.values()) for row in rows
    ]
    file.write_text("\n".join([",".join(first), *lines]) + "\n")
    scored = run("batch-producer", "score-batch", str(file), "--out", str(out), "--nice", "0")
    assert scored.exit_code == 0, scored.output
    assert len(pq.read_table(out)) == ROWS


def test_an_operator_sees_the_platform_and_puts_a_dead_letter_back(
    platform: dict[str, Process], kafka: SecuredKafka, run: Run
) -> None:
    asyncio.run(write(kafka.connection("application-producer"), APPLICATIONS.name, b"no JSON"))
    wait_until(
        lambda: "UNDECODABLE" in run("operator", "dlq", "list").output, why="the poison is no dead letter"
    )
    back = run("operator", "dlq", "redrive", "--all")
    assert back.exit_code == 0, back.output
    assert "put back" in back.output
    shown = run("operator", "status", "--gateway-url", platform["gateway"].url)
    assert f"Broker  {kafka.bootstrap_servers}: {len(TOPICS)} topics" in shown.output


def test_a_snapshot_is_announced_by_its_publisher(declared: None, kafka: SecuredKafka) -> None:
    event = SnapshotPublished(
        store="home-credit", snapshot_id="0" * 64, uri="file:///nowhere", as_of="2026-01-01T00:00:00Z",
        published_at="2026-01-01T00:00:00Z", n_applicants=1, n_features=1, manifest_sha256="0" * 64,
    )  # fmt: skip
    assert asyncio.run(announce(event, kafka.connection("feature-publisher").client_options())) >= 0


def test_the_administrator_needs_no_super_user_once_the_table_is_applied(declared: None, run: Run) -> None:
    assert "nothing to do" in run("platform-admin", "acls", "apply").output
    assert "nothing to do" in run(
        "platform-admin", "topics", "ensure", "--partitions", str(PARTITIONS), "--replication", "1"
    ).output  # fmt: skip


def test_a_permission_beyond_the_table_is_named_and_pruned_on_request(declared: None, run: Run) -> None:
    extra = run(SUPER_USER, "acls", "apply", "--reply-topic", "replies-of-a-bank")
    assert "allowed  User:scorer-sync  WRITE" in extra.output
    kept = run(SUPER_USER, "acls", "apply")
    assert "undeclared, left  User:scorer-sync" in kept.output
    dry = run(SUPER_USER, "acls", "apply", "--prune", "--dry-run")
    assert "would be removed  User:scorer-sync" in dry.output
    assert "removed  User:scorer-sync" in run(SUPER_USER, "acls", "apply", "--prune").output
    wait_until(
        lambda: "undeclared" not in run(SUPER_USER, "acls", "apply").output,
        why="the permission is still there",
    )


def test_only_an_administrator_changes_permissions(declared: None, run: Run) -> None:
    refused = run("operator", "acls", "apply")
    assert refused.exit_code == 1
    assert "refused" in refused.output


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_writes_and_reads_the_topics_of_its_row_and_no_others(
    declared: None, kafka: SecuredKafka, role: Role
) -> None:
    mine = {(acl.operation, acl.name) for acl in declared_acls() if acl.principal == f"User:{role.name}"}
    with asking(kafka.connection(role.name)) as probe:
        for operation, allowed in ((Operation.WRITE, probe.written()), (Operation.READ, probe.read())):
            assert allowed == {topic.name for topic in TOPICS if (operation, topic.name) in mine}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_only_an_administrator_makes_and_changes_topics_and_nobody_deletes_them(
    declared: None, kafka: SecuredKafka, role: Role
) -> None:
    allowed = {topic.name for topic in TOPICS} if role.administers else set()
    with asking(kafka.connection(role.name)) as probe:
        assert probe.created() == allowed
        assert probe.configured() == allowed
        assert probe.widened() == allowed
        assert probe.deleted() == set()


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_joins_its_own_groups_and_no_others(declared: None, kafka: SecuredKafka, role: Role) -> None:
    groups = {acl.name for acl in declared_acls() if acl.kind is Kind.GROUP}
    with asking(kafka.connection(role.name)) as probe:
        for group in sorted({*groups, "a-group-of-nobody"}):
            assert probe.joined(group) == (group in role.groups), group


def test_a_stranger_with_a_password_is_let_in_and_may_do_nothing(declared: None, kafka: SecuredKafka) -> None:
    with asking(kafka.connection(STRANGER)) as probe:
        assert probe.written() == set()
        assert probe.read() == set()


def test_a_wrong_password_is_refused_and_the_command_says_so(
    declared: None, kafka: SecuredKafka, run: Run
) -> None:
    wrong = {**kafka.environment("operator"), "KAFKA_SASL_USERNAME": "gateway"}
    shown = CliRunner().invoke(main, ["dlq", "list"], env=wrong)
    assert shown.exit_code == 1
    assert "SaslAuthenticationFailed" in shown.output
    assert kafka.password_file("operator").read_text().strip() not in shown.output


def test_a_client_without_tls_or_without_a_password_is_refused(kafka: SecuredKafka) -> None:
    without = KafkaConnection.model_validate({"bootstrap_servers": kafka.bootstrap_servers})
    only_tls = KafkaConnection.model_validate(
        {
            "bootstrap_servers": kafka.bootstrap_servers,
            "security_protocol": "SSL",
            "ssl_cafile": kafka.authority.file,
        }
    )
    for connection in (without, only_tls):
        with pytest.raises(KafkaConnectionError):
            asyncio.run(write(connection, APPLICATIONS.name, b"{}"))


def test_a_client_refuses_a_broker_whose_certificate_somebody_else_signed(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "another authority")
    connection = kafka.connection("gateway").model_copy(update={"ssl_cafile": other.file})
    with pytest.raises(KafkaConnectionError):
        asyncio.run(write(connection, APPLICATIONS.name, b"{}"))


def test_a_gateway_may_not_read_what_it_writes_nor_decide(declared: None, kafka: SecuredKafka) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        asyncio.run(write(kafka.connection("gateway"), PREDICTIONS.name, b"{}"))


async def write(connection: KafkaConnection, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(acks="all", request_timeout_ms=5_000, **connection.client_options())
    async with producer:
        await producer.send_and_wait(topic, key=b"1", value=value)
