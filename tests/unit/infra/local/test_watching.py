"""What Prometheus and Alertmanager find in their folders on one machine."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from infra.local.watching import (
    alertmanager_command,
    further_workers,
    prepare_alertmanager,
    prepare_prometheus,
    prometheus_command,
    write_targets,
)
from infra.runtime.presence import Present
from tests.platform.prometheus_tools import run

TARGETS = {"gateway": [8000], "scorer": [8002, 8003]}


def scraped(folder: Path) -> dict[str, list[str]]:
    groups = json.loads((folder / "targets" / "scorestream.json").read_text())
    return {group["labels"]["job"]: group["targets"] for group in groups}


def test_prometheus_finds_the_shipped_rules_and_this_platforms_ports(tmp_path: Path) -> None:
    prepare_prometheus(tmp_path, targets=TARGETS, alertmanager_port=9999)
    assert scraped(tmp_path) == {
        "gateway": ["127.0.0.1:8000"],
        "scorer": ["127.0.0.1:8002", "127.0.0.1:8003"],
    }
    assert json.loads((tmp_path / "targets" / "alertmanager.json").read_text())[0]["targets"] == [
        "127.0.0.1:9999"
    ]
    said = run("promtool", "check", "config", "prometheus.yml", folder=tmp_path)
    assert "stream.yml" in said


def test_a_second_start_takes_the_ports_of_now(tmp_path: Path) -> None:
    prepare_prometheus(tmp_path, targets=TARGETS, alertmanager_port=1)
    prepare_prometheus(tmp_path, targets={"gateway": [8888]}, alertmanager_port=1)
    assert scraped(tmp_path) == {"gateway": ["127.0.0.1:8888"]}
    write_targets(tmp_path, {"ledger": [8004]})
    assert scraped(tmp_path) == {"ledger": ["127.0.0.1:8004"]}


def test_workers_that_somebody_started_are_added_and_the_others_stay(tmp_path: Path) -> None:
    announced = [
        Present("scorer-sync", "http://127.0.0.1:8002", 1),
        Present("scorer-sync", "http://127.0.0.1:31000", 2),
        Present("gateway", "http://127.0.0.1:31001", 3),
        Present("ledger", "http://127.0.0.1:8004", 4),
    ]
    assert further_workers(announced, TARGETS) == {"gateway": [8000, 31001], "scorer": [8002, 8003, 31000]}
    assert TARGETS == {"gateway": [8000], "scorer": [8002, 8003]}


def test_without_secrets_alerts_are_shown_and_sent_to_nobody(tmp_path: Path) -> None:
    prepare_alertmanager(tmp_path, secrets=None)
    config = yaml.safe_load((tmp_path / "alertmanager.yml").read_text())
    assert config["receivers"] == [{"name": "page"}, {"name": "ticket"}]
    assert config["inhibit_rules"]
    assert "SUCCESS" in run("amtool", "check-config", "alertmanager.yml", folder=tmp_path)


def test_with_secrets_the_configuration_is_the_shipped_one(tmp_path: Path) -> None:
    secrets, folder = tmp_path / "of-mine", tmp_path / "alertmanager"
    secrets.mkdir()
    folder.mkdir()
    (secrets / "slack-url").write_text("http://127.0.0.1:1/")
    for _ in range(2):
        prepare_alertmanager(folder, secrets=secrets)
    config = yaml.safe_load((folder / "alertmanager.yml").read_text())
    assert {"slack_configs", "email_configs"} < config["receivers"][0].keys()
    assert (folder / "secrets" / "slack-url").read_text() == "http://127.0.0.1:1/"


def test_both_listen_on_this_machine_only_and_alertmanager_has_no_cluster_port(tmp_path: Path) -> None:
    assert "--web.listen-address=127.0.0.1:9090" in prometheus_command(tmp_path, 9090)
    command = alertmanager_command(tmp_path, 9093)
    assert "--web.listen-address=127.0.0.1:9093" in command
    assert "--cluster.listen-address=" in command
