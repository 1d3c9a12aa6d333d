"""What Airflow's DAGs are told of the platform that they work for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from feature_service.sources import OPTIONAL_TABLES
from infra.local.platform import LocalPlatform
from infra.local.settings import LocalSettings
from infra.local.watchers import dag_environment
from scorestream.commands.simulate import simulate
from scorestream.simulation.run import Pace


@pytest.fixture
def told(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bureau.csv").touch()
    return dag_environment(LocalPlatform(LocalSettings(run_dir=tmp_path / "run")), tmp_path, is_sample=False)


def test_tables_that_the_data_lacks_are_built_without(told: dict[str, str]) -> None:
    lacking = [name for name in OPTIONAL_TABLES if name != "bureau"]
    assert json.loads(told["DAGS_ALLOW_MISSING"]) == lacking


def test_simulated_outcomes_become_labels_of_every_run(told: dict[str, str]) -> None:
    defaults: dict[str | None, Any] = {option.name: option.default for option in simulate.params}
    pace = Pace(day_s=defaults["day_seconds"], window_days=defaults["window_days"])
    assert float(told["DAGS_PERFORMANCE_DAYS"]) == pace.performance_days
