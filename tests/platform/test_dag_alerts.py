"""What Airflow tells a real Alertmanager: it stands until it is over, and then ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.alertmanager_process import running_alertmanager
from tests.platform.airflow_home import airflow_in_process

RUN = SimpleNamespace(dag_id="feature_refresh", run_id="nightly")


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_alertmanager(tmp_path_factory.mktemp("alertmanager")) as url:
        yield url


@pytest.fixture(scope="module")
def alerts(airflow_home: Path, alertmanager: str) -> Iterator[Any]:
    with airflow_in_process(airflow_home, {"DAGS_ALERTMANAGER_URL": alertmanager}):
        yield import_module("scorestream_dags.alerts")


def standing(alertmanager: str) -> dict[str, datetime]:
    """The alerts that have not ended, and when each would end by itself."""
    found = httpx.get(f"{alertmanager}/api/v2/alerts").json()
    return {one["labels"]["alertname"]: datetime.fromisoformat(one["endsAt"]) for one in found}


def test_a_run_that_failed_stands_longer_than_a_month_unless_one_succeeds(
    alerts: Any, alertmanager: str
) -> None:
    alerts.run_failed({"dag_run": RUN})
    assert standing(alertmanager).keys() == {"AirflowRunFailed"}
    assert standing(alertmanager)["AirflowRunFailed"] > datetime.now(UTC) + timedelta(days=31)
    alerts.run_succeeded({"dag_run": SimpleNamespace(dag_id="another", run_id="one")})
    assert standing(alertmanager).keys() == {"AirflowRunFailed"}
    alerts.run_succeeded({"dag_run": RUN})
    assert standing(alertmanager) == {}


@pytest.mark.parametrize(("over", "then"), [("run_succeeded", set()), ("run_failed", {"AirflowRunFailed"})])
def test_a_late_run_is_late_until_it_is_over(
    alerts: Any, alertmanager: str, over: str, then: set[str]
) -> None:
    asyncio.run(alerts.deadline_missed(context={"dag_run": vars(RUN)}))
    assert standing(alertmanager).keys() == {"AirflowDeadlineMissed"}
    getattr(alerts, over)({"dag_run": RUN})
    assert standing(alertmanager).keys() == then


def test_an_alertmanager_that_is_away_fails_no_run(alerts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGS_ALERTMANAGER_URL", "http://127.0.0.1:9")
    alerts.run_failed({"dag_run": RUN})
