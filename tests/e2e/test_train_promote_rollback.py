"""From a file to what decides on both lanes, and back, by the commands; the registry may be away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from infra.kafka.embedded import EmbeddedKafka
from infra.local.mlflow_server import MlflowServer
from scorestream.cli import main
from tests.e2e.cut_line import CutLine
from tests.e2e.faults import FaultyPath, now, own_broker, report
from tests.e2e.processes import Process, wait_until
from tests.models import random_rows, random_target, write_csv

LANES = ("sync", "batch")
#: For a busy machine; what is waited for takes a few seconds otherwise.
_PATIENCE_S = 120


@dataclass(slots=True)
class Lender:
    """A broker, a registry behind a line that can be cut, and a scorer for each lane."""

    kafka: EmbeddedKafka
    mlflow: MlflowServer
    line: CutLine
    path: FaultyPath
    scorers: list[Process]

    def run(self, command: str, *arguments: str) -> Result:
        """A command as it is typed, connected to all of it."""
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "MLFLOW_TRACKING_URI": self.mlflow.tracking_uri,
            "SCORER_RUN_DIR": str(self.path.run_dir),
        }
        return CliRunner().invoke(main, [command, *arguments], env=environment)

    def versions(self) -> set[str]:
        """What the scorers decide with; empty text for none."""
        return {deciding_version(scorer) for scorer in self.scorers}


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lender]:
    folder = tmp_path_factory.mktemp("lender")
    with (
        MlflowServer(folder / "mlflow") as mlflow,
        own_broker(folder, None) as (kafka, path),
        CutLine(int(mlflow.tracking_uri.rsplit(":", 1)[1])) as line,
    ):
        scorers = [path.starting_scorer(lane, MLFLOW_TRACKING_URI=line.url) for lane in LANES]
        yield Lender(kafka, mlflow, line, path, scorers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("applications")
    rows = random_rows(900, seed=61)
    write_csv(folder / "application_train.csv", rows, random_target(rows, seed=61))
    return folder


def deciding_version(scorer: Process) -> str:
    """The version that /readyz names; empty without a model, or without an answer."""
    try:
        model = httpx.get(f"{scorer.url}/readyz", timeout=5).json()["model"]
    except httpx.TransportError:
        return ""
    return "" if model is None else str(model["version"])


def test_a_version_is_trained_promoted_and_rolled_back_on_every_worker(lender: Lender, folder: Path) -> None:
    wait_until(lambda: answering(lender.scorers), timeout_s=_PATIENCE_S, why="scorers wait for a model")
    for seed, version in (("1", "1"), ("2", "2")):
        trained = lender.run("train", "--data", str(folder), "--smoke", "--seed", seed)
        assert f"version {version} is staged" in trained.output, trained.output
        # So few applicants at random may fail a gate by chance; gates have tests of their own.
        promoted = lender.run("promote", "--force", "--wait", str(_PATIENCE_S))
        assert promoted.exit_code == 0, promoted.output
        assert f"All 2 scorers decide with version {version}" in promoted.output
        assert lender.versions() == {version}
    rolled_back = lender.run("rollback", "--wait", str(_PATIENCE_S))
    assert rolled_back.exit_code == 0, rolled_back.output
    assert "credit-risk version 1 is Production" in rolled_back.output
    assert lender.versions() == {"1"}


def test_a_registry_that_dies_in_mid_download_leaves_the_old_model_and_is_tried_again(
    lender: Lender, folder: Path
) -> None:
    trained = lender.run("train", "--data", str(folder), "--smoke", "--seed", "3")
    assert "version 3 is staged" in trained.output, trained.output
    lender.line.cut_after(20_000)
    promoted = lender.run("promote", "--force", "--wait", "1")
    assert promoted.exit_code == 1
    assert "2 of 2 scorers do not decide with version 3" in promoted.output
    wait_until(
        lambda: unavailable(lender.scorers) == 2,
        timeout_s=_PATIENCE_S,
        why="both say that it is not to be had",
    )
    assert lender.line.cuts >= 1
    assert lender.versions() == {"1"}
    lender.line.mend()
    wait_until(
        lambda: lender.versions() == {"3"},
        timeout_s=_PATIENCE_S,
        why="it is fetched once the registry is back",
    )


def test_with_the_registry_down_a_scorer_starts_from_its_cache(lender: Lender) -> None:
    lender.line.cut_after(0)
    for scorer in lender.scorers:
        assert scorer.terminate() == 0
        started = now()
        scorer.start(is_waiting=False)
        wait_until(readiness(scorer), timeout_s=_PATIENCE_S, why="it decides again")
        report("start from the cache", until_it_decides_s=now() - started)
    assert lender.versions() == {"3"}


def answering(scorers: list[Process]) -> bool:
    """Whether all are alive."""
    try:
        return all(httpx.get(f"{one.url}/healthz", timeout=5).status_code == 200 for one in scorers)
    except httpx.TransportError:
        return False


def readiness(scorer: Process) -> Callable[[], bool]:
    """Whether the scorer has a model to decide with."""
    return lambda: deciding_version(scorer) != ""


_UNAVAILABLE = re.compile(r'bundles_refused_total{.*reason="unavailable".*} [1-9]')


def unavailable(scorers: list[Process]) -> int:
    """How many scorers have counted a bundle that was not to be had."""
    said = [httpx.get(f"{one.url}/metrics", timeout=5).text for one in scorers]
    return sum(bool(_UNAVAILABLE.search(text)) for text in said)
