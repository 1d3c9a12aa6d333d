"""The logged model under `mlflow models serve`, asked over HTTP as anybody's tool would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import lightgbm
import numpy as np
import pytest

from infra.kafka.ports import LOOPBACK, free_ports
from infra.local.mlflow_server import MlflowServer
from tests.e2e.processes import wait_until
from tests.registry_rules import built
from training.mlflow_registry import MlflowRegistry

pytestmark = pytest.mark.slow

NAME = "credit-risk"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scoring server for the staged model."""
    folder = tmp_path_factory.mktemp("serve")
    with MlflowServer(folder) as server:
        MlflowRegistry(server.tracking_uri).register(built(NAME))
        (port,) = free_ports(1)
        with (folder / "serve.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "mlflow", "models", "serve",
                    "--model-uri", f"models:/{NAME}@staging",
                    "--host", LOOPBACK, "--port", str(port), "--workers", "1", "--env-manager", "local",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={
                    **os.environ,
                    "MLFLOW_TRACKING_URI": server.tracking_uri,
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                },
            )  # fmt: skip
        url = f"http://{LOOPBACK}:{port}"
        try:
            wait_ready(url, process, folder / "serve.log")
            yield url
        finally:
            os.killpg(process.pid, 15)
            process.wait(30)


def wait_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    wait_until(
        lambda: process.poll() is not None or is_answering(url), timeout_s=180, why="the model is served"
    )
    assert process.poll() is None, log.read_text()[-3000:]


def is_answering(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ping", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_a_served_model_gives_the_scores_of_the_bundle(served: str) -> None:
    model = built(NAME)
    rows = model.held_out.select(model.manifest.feature_names)[:50]
    answer = httpx.post(
        f"{served}/invocations",
        json={
            "dataframe_split": {
                "columns": list(model.manifest.feature_names),
                "data": [[None if np.isnan(value) else float(value) for value in row] for row in rows],
            }
        },
        timeout=60,
    )
    assert answer.status_code == 200, answer.text[:2000]
    expected = lightgbm.Booster(model_str=model.model_text).predict(rows)
    assert np.array_equal(np.array(answer.json()["predictions"]), expected)


def test_a_served_model_refuses_a_row_that_lacks_a_feature(served: str) -> None:
    answer = httpx.post(
        f"{served}/invocations", json={"dataframe_split": {"columns": ["EXT_SOURCE_1"], "data": [[0.5]]}}
    )
    assert answer.status_code == 400
    assert "EXT_SOURCE_2" in answer.text
