"""A loan's end, over HTTP, from a gateway that asks a ledger to an archive that training reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from scorestream.client import Refused, ScorestreamClient
from scorestream.commands.simulate import simulate
from tests.e2e.conftest import ScoringPath
from tests.e2e.processes import Process, wait_until
from tests.e2e.test_commands import application
from tests.models import random_rows, random_target, write_csv
from training.archive.matured import matured_rows
from training.archive.store import ArchiveStore

WINDOW = timedelta(milliseconds=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ArchiveStore:
    return ArchiveStore(str(tmp_path_factory.mktemp("archive")))


@pytest.fixture(scope="module")
def gateway(scoring_path: ScoringPath, store: ArchiveStore) -> Process:
    """A gateway with scorer, ledger and archive behind it."""
    scoring_path.scorer()
    ledger = scoring_path.ledger()
    scoring_path.start(
        "archive",
        ["archive"],
        ARCHIVE_STORE=store.uri,
        ARCHIVE_FLUSH_S="0.2",
        ARCHIVE_RUN_DIR=str(scoring_path.run_dir),
    ).wait_ready()
    return scoring_path.gateway(LEDGER_URL=ledger.url)


def labels(store: ArchiveStore, since: datetime) -> dict[str, bool]:
    """What training would learn from what was decided since."""
    until = datetime.now(UTC) + timedelta(seconds=1)
    rows = matured_rows(store, since=since, until=until, window=WINDOW).to_pylist()
    return {row["application_id"]: row["defaulted"] for row in rows}


def is_observed(client: ScorestreamClient, application_id: str) -> bool:
    """Whether the outcome was taken; not yet, while the ledger has no decision."""
    try:
        client.observe(application_id, defaulted=False, observed_at=datetime.now(UTC).isoformat())
    except Refused as refused:
        if refused.problem.status != 409:
            raise
        return False
    return True


def test_an_outcome_becomes_a_label_of_its_decision(
    gateway: Process, store: ArchiveStore, fresh_applicant: Callable[[], int]
) -> None:
    began = datetime.now(UTC)
    with ScorestreamClient(gateway.url) as client:
        decided = client.decide(application(fresh_applicant()))
        # The answer comes by Kafka, the ledger has the decision a moment later.
        wait_until(lambda: is_observed(client, decided.application_id), why="the ledger has the decision")
        with pytest.raises(Refused, match="no application of yours"):
            client.observe("nobody", defaulted=True, observed_at=datetime.now(UTC).isoformat())
    wait_until(lambda: labels(store, began) == {decided.application_id: False}, why="the label is there")


def test_a_simulated_story_leaves_its_labels(gateway: Process, store: ArchiveStore, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    rows = random_rows(60, seed=4)
    write_csv(tmp_path / "application_train.csv", rows, random_target(rows, seed=4))
    told = CliRunner().invoke(
        simulate,
        ["--data", str(tmp_path), "--url", gateway.url, "--rate", "20", "--days", "1", "--day-seconds", "2",
         "--window-days", "0.5"],
        catch_exceptions=False,
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    sent = int(told.output.split(" applications", 1)[0].split()[-1])
    outcomes = int(told.output.split(" outcomes", 1)[0].split()[-1])
    assert sent == 40
    assert "0 not taken" in told.output
    wait_until(lambda: len(labels(store, began)) == outcomes, why="all labels are there")
