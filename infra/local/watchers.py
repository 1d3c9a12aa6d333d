"""What watches the local platform and trains it anew, added by `make platform`.

    lag exporter → Alertmanager → Prometheus → Grafana → Airflow

A program that is not installed is skipped, with the mend: nothing of the platform depends on them.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from infra.local import watching
from infra.local.airflow import LocalAirflow
from infra.local.display import Display
from infra.local.platform import LocalPlatform, missing_tables
from infra.local.processes import ChildFailed
from infra.runtime.presence import present

_LOOK_EVERY_S: Final = 5.0
_TARGETS_TIMEOUT_S: Final = 60.0


class Watchers:
    """The watchers of one platform."""

    def __init__(self, platform: LocalPlatform) -> None:
        settings = platform.settings
        self._platform = platform
        self._folder = platform.run_dir / "watching"
        self._started: dict[str, str] = {}
        self._is_over = threading.Event()
        self._targets = {
            "gateway": [settings.gateway_port],
            "features": [settings.features_port],
            "scorer": [settings.scorer_port, settings.batch_scorer_port],
            "ledger": [settings.ledger_port],
            "archive": [settings.archive_port],
            "lag": [settings.lag_port],
            "prometheus": [settings.prometheus_port],
        }
        if watching.is_installed(watching.ALERTMANAGER):
            self._targets["alertmanager"] = [settings.alertmanager_port]

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that must be free."""
        settings = self._platform.settings
        by_program = {
            watching.PROMETHEUS: settings.prometheus_port,
            watching.ALERTMANAGER: settings.alertmanager_port,
            watching.GRAFANA: settings.grafana_port,
        }
        installed = (port for program, port in by_program.items() if watching.is_installed(program))
        return (settings.lag_port, settings.airflow_port, *installed)

    def start(self, display: Display, data: Path, *, is_sample: bool) -> None:
        """Start what is installed, one after the other; Airflow trains on `data`. Raises ChildFailed."""
        with display.step("Lag exporter") as note:
            note.text = self._platform.start_lag_exporter()
        parts: tuple[tuple[str, str, Callable[[], str]], ...] = (
            ("Alertmanager", watching.ALERTMANAGER, self._alertmanager),
            ("Prometheus", watching.PROMETHEUS, self._prometheus),
            ("Grafana", watching.GRAFANA, self._grafana),
        )
        for title, program, start in parts:
            with display.step(title) as note:
                if watching.is_installed(program):
                    note.text = self._started[title] = start()
                else:
                    note.text = f"skipped, not installed: {watching.MENDS[program]}"
        if "Prometheus" in self._started:
            with display.step("Everything is scraped") as note:
                note.text = self._scraped()
        with display.step("Airflow") as note:
            note.text = self._started["Airflow"] = self._airflow(data, is_sample=is_sample)

    def addresses(self) -> list[str]:
        """A line for each that was started: where it is and what it is."""
        meanings = {
            "Prometheus": "Prometheus: what every process measures, rules, alerts",
            "Alertmanager": "Alertmanager: who is told",
            "Grafana": "Grafana: dashboards",
            "Airflow": "Airflow: features, training, drift; everybody here is its admin",
        }
        return [f"{url:<37} {meanings[title]}" for title, url in self._started.items()]

    def _alertmanager(self) -> str:
        settings = self._platform.settings
        folder = self._folder / "alertmanager"
        folder.mkdir(parents=True, exist_ok=True)
        watching.prepare_alertmanager(folder, secrets=settings.alert_secrets_dir)
        return self._program(
            "alertmanager",
            watching.alertmanager_command(folder, settings.alertmanager_port),
            settings.alertmanager_port,
        )

    def _prometheus(self) -> str:
        settings = self._platform.settings
        folder = self._folder / "prometheus"
        folder.mkdir(parents=True, exist_ok=True)
        watching.prepare_prometheus(
            folder, targets=self._targets, alertmanager_port=settings.alertmanager_port
        )
        url = self._program(
            "prometheus",
            watching.prometheus_command(folder, settings.prometheus_port),
            settings.prometheus_port,
        )
        threading.Thread(target=self._follow_workers, name="follow-workers", daemon=True).start()
        self._platform.on_stop(self._is_over.set)
        return url

    def _grafana(self) -> str:
        settings = self._platform.settings
        folder = self._folder / "grafana"
        folder.mkdir(parents=True, exist_ok=True)
        url = f"http://127.0.0.1:{settings.grafana_port}"
        self._platform.start_program(
            "grafana",
            [watching.GRAFANA, "--homepath=/usr/share/grafana"],
            ready_url=f"{url}/api/health",
            environment=watching.grafana_environment(
                folder, port=settings.grafana_port, prometheus_port=settings.prometheus_port
            ),
        )
        return url

    def _airflow(self, data: Path, *, is_sample: bool) -> str:
        environment = dag_environment(self._platform, data, is_sample=is_sample)
        if "Alertmanager" in self._started:
            environment["DAGS_ALERTMANAGER_URL"] = self._started["Alertmanager"]
        airflow = LocalAirflow(
            self._platform.run_dir / "airflow",
            environment=environment,
            port=self._platform.settings.airflow_port,
        )
        self._platform.on_stop(airflow.stop)
        airflow.start()
        return airflow.url

    def _program(self, name: str, command: list[str], port: int) -> str:
        url = f"http://127.0.0.1:{port}"
        self._platform.start_program(name, command, ready_url=f"{url}/-/ready", environment={})
        return url

    def _follow_workers(self) -> None:
        """Have Prometheus scrape workers that are started later, on any port."""
        known = self._targets
        while not self._is_over.wait(_LOOK_EVERY_S):
            found = watching.further_workers(present(self._platform.run_dir / "workers"), self._targets)
            if found != known:
                watching.write_targets(self._folder / "prometheus", found)
                known = found

    def _scraped(self) -> str:
        """Wait until every target answers Prometheus; how many, and how many alerts watch them."""
        url = self._started["Prometheus"]
        deadline = time.monotonic() + _TARGETS_TIMEOUT_S
        while True:
            found = httpx.get(f"{url}/api/v1/targets", timeout=5).json()["data"]["activeTargets"]
            down = [target["scrapeUrl"] for target in found if target["health"] != "up"]
            if found and not down:
                break
            if time.monotonic() > deadline:
                raise ChildFailed(f"Prometheus does not reach {', '.join(down) or 'anything'}")
            time.sleep(0.2)
        groups = httpx.get(f"{url}/api/v1/rules?type=alert", timeout=5).json()["data"]["groups"]
        alerts = sum(len(group["rules"]) for group in groups)
        return f"{len(found)} of {len(found)} targets, {alerts} alerts"


def dag_environment(platform: LocalPlatform, data: Path, *, is_sample: bool) -> dict[str, str]:
    """What the DAGs and their commands must be told to work on `data` as the platform's start did."""
    environment = platform.environment()
    return environment | {
        "DAGS_DATA": str(data.resolve()),
        "DAGS_FEATURE_STORE": environment["FEATURES_STORE"],
        "DAGS_ARCHIVE": environment["ARCHIVE_STORE"],
        "DAGS_IS_SMOKE": str(is_sample).lower(),
        "DAGS_ALLOW_MISSING": json.dumps(missing_tables(data)),
        "DAGS_PERFORMANCE_DAYS": str(platform.settings.performance_days),
        "DAGS_QUALITY_DOCS": str((platform.run_dir / "quality").resolve()),
    }
