"""An alert from the fact to the person: Kafka → lag exporter → Prometheus → Alertmanager → Slack's webhook.

Accepted applications that retention removes before any scorer decided them: with no scorer to say so. The
configuration is the shipped one; only the secret file with Slack's address points to a server of the test.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from contracts.lanes import Lane
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.errors import LocalExtraMissing
from infra.kafka.ports import free_ports
from infra.kafka.topics import ensure_topics
from infra.kafka.watchdog import Watchdog
from infra.local.processes import Child
from infra.local.watching import (
    alertmanager_command,
    prepare_alertmanager,
    prepare_prometheus,
    prometheus_command,
)
from tests.e2e.processes import Process, wait_until
from tests.platform.prometheus_tools import program

PLACE = TopicPartition(Lane.SYNC.applications.name, 0)


class Webhook:
    """Slack's end: keeps what is posted."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                messages.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def text(self) -> str:
        return json.dumps(self.messages)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    program("prometheus")
    program("prometheus-alertmanager")
    try:
        broker = EmbeddedKafka(tmp_path / "kafka")
        broker.start()
    except LocalExtraMissing as error:
        pytest.skip(str(error))
    yield broker
    broker.stop()


@pytest.fixture
def watching(kafka: EmbeddedKafka, webhook: Webhook, tmp_path: Path) -> Iterator[None]:
    """The exporter, Prometheus with the shipped rules, Alertmanager with the shipped routes."""
    asyncio.run(ensure_topics(kafka.bootstrap_servers, partitions=1, replication=1))
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "LAG_RUN_DIR": str(tmp_path / "workers")}
    exporter = Process(["lag"], environment=settings, log_file=tmp_path / "lag.log").start()
    prometheus_port, alertmanager_port = free_ports(2)
    secrets, prometheus, alertmanager = (
        tmp_path / name for name in ("secrets", "prometheus", "alertmanager")
    )
    for folder in (secrets, prometheus, alertmanager):
        folder.mkdir()
    (secrets / "slack-url").write_text(webhook.url)
    (secrets / "smtp-password").write_text("none")
    prepare_prometheus(prometheus, targets={"lag": [exporter.port]}, alertmanager_port=alertmanager_port)
    prepare_alertmanager(alertmanager, secrets=secrets)
    watchdog = Watchdog()
    children = [
        (Child(name, command, log_file=tmp_path / f"{name}.log", environment={}, watchdog=watchdog), port)
        for name, command, port in (
            ("alertmanager", alertmanager_command(alertmanager, alertmanager_port), alertmanager_port),
            ("prometheus", prometheus_command(prometheus, prometheus_port), prometheus_port),
        )
    ]
    for child, _ in children:
        child.start()
    for child, port in children:
        child.wait_ready(f"http://127.0.0.1:{port}/-/ready", 30)
    yield
    for child, _ in reversed(children):
        child.stop()
    watchdog.close()
    exporter.kill()


async def lose_applications(servers: str) -> None:
    """Three applications, none decided; retention removes two."""
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for _ in range(3):
            await producer.send_and_wait(PLACE.topic, b"{}", partition=PLACE.partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, group_id=Lane.SYNC.consumer_group, enable_auto_commit=False
    )
    await consumer.start()
    consumer.assign([PLACE])
    await consumer.commit({PLACE: 0})
    await consumer.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.delete_records({PLACE: RecordsToDelete(before_offset=2)})
    await admin.close()


def test_applications_lost_to_retention_reach_the_person_on_call(
    kafka: EmbeddedKafka, watching: None, webhook: Webhook
) -> None:
    asyncio.run(lose_applications(kafka.bootstrap_servers))
    wait_until(lambda: "UndecidedRemoved" in webhook.text(), timeout_s=90, why="the alert reaches Slack")
    (message,) = [one for one in webhook.messages if "UndecidedRemoved" in json.dumps(one)]
    said = message["attachments"][0]
    assert said["title"] == "[FIRING] UndecidedRemoved"
    assert "2 applications of applications[0] were removed undecided." in said["text"]
    assert "docs/runbooks/UndecidedRemoved.md" in said["text"]
