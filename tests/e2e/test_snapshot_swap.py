"""Decisions are made with the published snapshot, swapped while the scorer runs, kept without its store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.application import decode_logged
from contracts.events import ModelPromoted, SnapshotPublished, submitted_value
from feature_service.announce import announce, snapshot_published
from feature_service.manifest import MATRIX
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore
from scorer.bundle import read_bundle
from scorer.decide import decide
from scorer.model import ServingModel
from scorestream.client import ScorestreamClient
from tests.e2e.decisions_of_record import predictions
from tests.e2e.faults import PATIENT, FaultyPath, own_broker
from tests.e2e.processes import Process, wait_until
from tests.models import built_on, labelled, write_model
from tests.snapshots import write_files
from training.dataset import make_dataset
from training.snapshots import SnapshotHistory

pytestmark = pytest.mark.slow

LEARNT_FROM = range(100_001, 101_501)
ONLY_LATER = 500_001


class Store:
    """A feature store on this machine, and how its snapshots are announced."""

    def __init__(self, folder: Path, servers: str) -> None:
        self.store = SnapshotStore(str(folder / "store"))
        self._scratch = folder
        self._servers = servers

    def made(self, applicants: list[int], *, built_at: str) -> SnapshotPublished:
        draft = self.store.draft(self._scratch)
        manifest = write_files(draft, applicants, built_at=built_at)
        self.store.publish(draft, manifest)
        return snapshot_published("home-credit", self.store.address(manifest.id), manifest)

    def announce(self, published: SnapshotPublished) -> None:
        asyncio.run(announce(published, {"bootstrap_servers": self._servers}))

    def folder(self, published: SnapshotPublished) -> Path:
        return Path(published.uri)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyPath]:
    with own_broker(tmp_path_factory.mktemp("swap"), None) as (_, started):
        yield started


def promoted_on(snapshot: SnapshotReader, folder: Path) -> ModelPromoted:
    """A model that uses the history of the snapshot."""
    built = built_on(make_dataset(labelled(), seed=5, history=SnapshotHistory(snapshot)))
    digest = write_model(folder, built)
    assert ServingModel(read_bundle(folder)).history_used
    return ModelPromoted(
        name="credit-risk",
        version="1",
        digest=digest,
        bundle_uri=str(folder),
        promoted_at="t",
        promoted_by="p",
    )


def application(applicant: int) -> dict[str, Any]:
    return {
        "SK_ID_CURR": applicant, "NAME_CONTRACT_TYPE": "Cash loans", "AMT_INCOME_TOTAL": 112_500.0,
        "AMT_CREDIT": 270_000.0, "DAYS_BIRTH": -11_230,
    }  # fmt: skip


def mapped(scorer: Process) -> str | None:
    snapshot = httpx.get(f"{scorer.url}/readyz", timeout=5).json().get("snapshot")
    return None if snapshot is None else str(snapshot["id"])


def refused(scorer: Process, reason: str) -> bool:
    text = httpx.get(f"{scorer.url}/metrics", timeout=5).text
    name = f'scorestream_scorer_snapshots_refused_total{{lane="sync",reason="{reason}"}} '
    return any(float(line.removeprefix(name)) > 0 for line in text.splitlines() if line.startswith(name))


def test_snapshots_are_swapped_refused_and_kept(path: FaultyPath, tmp_path: Path) -> None:
    store = Store(tmp_path, path.bootstrap_servers)
    first = store.made(list(LEARNT_FROM), built_at="2026-01-01T00:00:00")
    second = store.made([ONLY_LATER], built_at="2026-01-02T00:00:00")
    damaged = store.made([1, 2, 3], built_at="2026-01-03T00:00:00")
    matrix = store.folder(damaged) / MATRIX
    matrix.write_bytes(matrix.read_bytes()[:-4] + b"\0\0\0\0")
    promoted = promoted_on(SnapshotReader.open(store.folder(first)), tmp_path / "bundle")

    path.promote(promoted)
    scorer = path.starting_scorer()
    gateway = path.gateway(**PATIENT)
    wait_until(lambda: "no snapshot is mapped" in scorer.log(), why="a model with history waits for one")
    assert not scorer.is_ready()
    store.announce(first)
    scorer.wait_ready()

    with ScorestreamClient(gateway.url) as client:

        def used(applicant: int) -> tuple[str | None, bool]:
            snapshot = client.decide(application(applicant)).feature_snapshot
            return snapshot.id, snapshot.applicant_found

        assert used(LEARNT_FROM[0]) == (first.snapshot_id, True)
        assert used(ONLY_LATER) == (first.snapshot_id, False)
        store.announce(second)
        wait_until(lambda: mapped(scorer) == second.snapshot_id, why="the new snapshot is mapped")
        assert used(LEARNT_FROM[0]) == (second.snapshot_id, False)
        assert used(ONLY_LATER) == (second.snapshot_id, True)
        store.announce(damaged)
        wait_until(lambda: refused(scorer, "refused"), why="a damaged snapshot is refused")
        assert used(ONLY_LATER) == (second.snapshot_id, True)
        wait_until(
            lambda: told_of(gateway) == damaged.snapshot_id, why="the gateway tells what was published"
        )

        (tmp_path / "store").rename(tmp_path / "away")
        assert scorer.terminate() == 0
        again = path.scorer()
        assert mapped(again) == second.snapshot_id
        assert used(ONLY_LATER) == (second.snapshot_id, True)

    away = {
        one.snapshot_id: tmp_path / "away" / store.folder(one).relative_to(tmp_path / "store")
        for one in (first, second)
    }
    assert recomputed_otherwise(path, promoted, away) == []


def told_of(gateway: Process) -> str:
    """The snapshot that GET /v1/model names."""
    return str(httpx.get(f"{gateway.url}/v1/model", timeout=5).json()["feature_snapshot"]["snapshot_id"])


def recomputed_otherwise(
    path: FaultyPath, promoted: ModelPromoted, snapshots: Mapping[str, Path]
) -> list[str]:
    """Applications that their record, the bundle and the named snapshot would decide otherwise."""
    model = ServingModel(read_bundle(Path(promoted.bundle_uri)))
    records = asyncio.run(predictions(path.bootstrap_servers))
    assert len(records) >= 6
    wrong = []
    for record, decision in records:
        assert decision.feature_snapshot.id is not None
        with SnapshotReader.open(snapshots[decision.feature_snapshot.id]) as snapshot:
            (again,) = decide([decode_logged(submitted_value(record)).application], model, snapshot)
        if (again.feature_hash, again.margin) != (record.feature_hash, record.margin):
            wrong.append(record.application_id)
    return wrong
