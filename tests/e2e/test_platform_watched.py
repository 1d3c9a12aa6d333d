"""`make platform` as a person runs it: everything is scraped, and every panel of every dashboard has data.

Minutes long: it makes a sample, trains a model and promotes it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from contracts.application import example
from contracts.events import DriftReported, encode
from contracts.lanes import Lane
from contracts.topics import DRIFT_REPORTS
from grafana.__main__ import DASHBOARDS
from infra.kafka.ports import free_ports, is_free
from tests.e2e.processes import wait_until
from tests.platform.prometheus_tools import program

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    *("GATEWAY", "FEATURES", "SCORER", "BATCH_SCORER", "LEDGER", "ARCHIVE", "LAG", "MLFLOW", "KAFKA"),
    *("PROMETHEUS", "ALERTMANAGER", "AIRFLOW", "GRAFANA"),
)
NOW = datetime.now(UTC)
DRIFT = DriftReported(
    model_name="credit-risk",
    model_version="1",
    verdict="drift",
    # Later than the day that Airflow looks at as it starts: of two periods the later one is shown.
    since=f"{NOW - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
    until=f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    applications=2_000,
    outcomes=900,
    share_drifted=0.2,
    metrics={
        **{
            "weighted_share_drifted": 0.3,
            "score_psi": 0.25,
            "approval_rate_before": 0.7,
            "approval_rate": 0.6,
        },
        **{"auc_before": 0.76, "auc": 0.75, "auc_drop_z": 1.0, "bad_rate": 0.08, "bad_rate_expected": 0.07},
        **{"bad_rate_before": 0.07, "cost_per_applicant_before": 0.5, "cost_per_applicant": 0.55},
    },
    top_features={"EXT_SOURCE_2": 0.4},
    reported_at=f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
)
#: Somebody who is not simply approved, so that reasons are given.
RISKY = {"EXT_SOURCE_1": 0.01, "EXT_SOURCE_2": 0.01, "EXT_SOURCE_3": 0.01}
UP = "Ctrl-C stops everything."


@dataclass
class Running:
    """`make platform` on ports of its own."""

    log_file: Path
    process: subprocess.Popen[bytes]
    ports: dict[str, int]
    _is_over: threading.Event = field(default_factory=threading.Event)

    def url(self, part: str) -> str:
        return f"http://127.0.0.1:{self.ports[part]}"

    def said(self) -> str:
        return self.log_file.read_text(errors="replace")

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        answer = httpx.get(f"{self.url('PROMETHEUS')}/api/v1/query", params={"query": query}, timeout=10)
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    def submit_for_ever(self) -> None:
        """Interactive applications with and without a key, each looked up by id, and invalid ones."""
        body = json.loads(example("pensioner"))
        with httpx.Client(base_url=self.url("GATEWAY"), timeout=10) as client:
            for number in itertools.count(500_000_000):
                if self._is_over.wait(0.05):
                    return
                headers = {"Idempotency-Key": f"key-{number}"} if number % 2 else {}
                application = {**body, **(RISKY if number % 3 else {}), "SK_ID_CURR": number}
                answer = client.post("/v1/applications", json=application, headers=headers)
                if "location" in answer.headers:
                    client.get(answer.headers["location"])
                client.post("/v1/applications", json={"SK_ID_CURR": number})

    def stop(self) -> int:
        """Ctrl-C, and the exit status."""
        self._is_over.set()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(120)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    program("prometheus")
    program("prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("platform")
    ports = dict(zip(PARTS, free_ports(len(PARTS)), strict=True))
    environment = {
        **os.environ,
        **{f"LOCAL_{part}_PORT": str(port) for part, port in ports.items()},
        "LOCAL_RUN_DIR": str(folder / "run"),
        "LOCAL_APPLICANTS": "5000",
        "PYTHONUNBUFFERED": "1",
    }
    log_file = folder / "platform.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.demo", "--watched"],
            cwd=ROOT, env=environment,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    running = Running(log_file, process, ports)
    try:
        wait_until(
            lambda: UP in running.said() or process.poll() is not None, timeout_s=900, why="everything is up"
        )
        assert process.poll() is None, running.said()[-3000:]
        threading.Thread(target=running.submit_for_ever, daemon=True).start()
        asyncio.run(produce(f"127.0.0.1:{ports['KAFKA']}"))
        yield running
    finally:
        if process.poll() is None:
            running.stop()


async def produce(servers: str) -> None:
    """A batch, a category that nobody knows, a record that is no application, and a drift report."""
    body = json.loads(example("pensioner"))
    unknown = {**body, "NAME_TYPE_SUITE": "A parrot"}
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for lane in Lane:
            for number, application in enumerate([body] * 20 + [unknown] * 5):
                value = json.dumps({**application, "SK_ID_CURR": 600_000_000 + number}).encode()
                await producer.send(lane.applications.name, value, key=str(600_000_000 + number).encode())
            await producer.send(lane.applications.name, b"not JSON", key=b"1")
        await producer.send(DRIFT_REPORTS.name, encode(DRIFT), key=DRIFT.model_name.encode())
        await producer.flush()


def test_everything_is_scraped_and_the_rules_are_loaded(running: Running) -> None:
    assert "9 of 9 targets" in running.said()
    jobs = {series["metric"]["job"] for series in running.ask("up == 1")}
    assert {"gateway", "scorer", "ledger", "features", "archive", "lag", "prometheus"} <= jobs


def test_every_panel_of_every_dashboard_has_data(running: Running) -> None:
    missing: dict[str, str] = {}

    def are_all_there() -> bool:
        missing.clear()
        for dashboard in DASHBOARDS:
            for panel in dashboard.panels:
                for query in panel.queries:
                    found = running.ask(query.expr.replace("$__rate_interval", "1m"))
                    if not any(not math.isnan(float(series["value"][1])) for series in found):
                        missing[f"{dashboard.title}: {panel.title}"] = query.expr
        return not missing

    try:
        wait_until(are_all_there, timeout_s=180, why="every panel has data")
    except AssertionError as late:
        raise AssertionError(json.dumps(missing, indent=1)) from late


def test_a_worker_that_is_started_later_is_scraped_too(running: Running) -> None:
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{running.ports['KAFKA']}",
        "MLFLOW_TRACKING_URI": running.url("MLFLOW"),
        "SCORER_RUN_DIR": str(running.log_file.parent / "run" / "workers"),
        "SCORER_CACHE_DIR": str(running.log_file.parent / "run" / "scorer-cache"),
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "scorestream.cli", "scorer", "--port", "0"],
        cwd=ROOT, env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(
            lambda: len(running.ask('up{job="scorer"} == 1')) == 3, timeout_s=90, why="three scorers are up"
        )
    finally:
        worker.terminate()
        worker.wait(30)


def test_a_dead_letter_and_drift_are_alerts_at_alertmanager(running: Running) -> None:
    """The dead letter of the fixture fires its alert, and Alertmanager has it."""

    def names() -> set[str]:
        alerts = httpx.get(f"{running.url('ALERTMANAGER')}/api/v2/alerts", timeout=10).json()
        return {alert["labels"]["alertname"] for alert in alerts}

    wait_until(lambda: {"DeadLetters", "DriftFound"} <= names(), timeout_s=60, why="both are at Alertmanager")


def test_airflow_is_up_with_its_dags(running: Running) -> None:
    assert httpx.get(f"{running.url('AIRFLOW')}/api/v2/monitor/health", timeout=10).status_code == 200


def test_ctrl_c_ends_everything_in_order(running: Running) -> None:
    assert running.stop() == 0
    assert "Traceback" not in running.said()
    assert [part for part, port in running.ports.items() if not is_free(port)] == []
