from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from feature_service.http import make_app
from feature_service.settings import FeatureSettings
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore
from feature_service.vector import ALL_FEATURE_NAMES, ALL_FEATURES
from tests.snapshots import write_files


def client_of(root: Path) -> TestClient:
    settings = FeatureSettings(
        store=str(root / "store"), cache=root / "cache", run_dir=root / "run", max_batch=3
    )
    return TestClient(make_app(settings))


def publish(root: Path, ids: list[int]) -> SnapshotReader:
    store = SnapshotStore(str(root / "store"))
    draft = store.draft(root / "drafts")
    manifest = write_files(draft, ids)
    store.publish(draft, manifest)
    return SnapshotReader.open(Path(store.address(manifest.id)))


@pytest.fixture
def snapshot(tmp_path: Path) -> SnapshotReader:
    return publish(tmp_path, [100, 205])


@pytest.fixture
def client(tmp_path: Path, snapshot: SnapshotReader) -> Iterator[TestClient]:
    with client_of(tmp_path) as opened:
        yield opened


def test_an_applicants_features_come_by_name_and_missing_is_null(
    client: TestClient, snapshot: SnapshotReader
) -> None:
    answer = client.get("/v1/applicants/100/features").json()
    assert answer["snapshot_id"] == snapshot.id
    assert list(answer["features"]) == list(ALL_FEATURE_NAMES)
    row = snapshot.row(100)
    assert row is not None
    said = np.array(
        [np.nan if value is None else value for value in answer["features"].values()], dtype=np.float32
    )
    assert said.tobytes() == row.tobytes()
    assert answer["features"][ALL_FEATURE_NAMES[3]] is None


def test_only_the_named_features_come_when_names_are_given(client: TestClient) -> None:
    answer = client.get("/v1/applicants/205/features", params={"name": ["HAS_CARD", "PREV_COUNT"]})
    assert list(answer.json()["features"]) == ["HAS_CARD", "PREV_COUNT"]


def test_an_unknown_applicant_is_404_and_an_unknown_feature_422(client: TestClient) -> None:
    assert client.get("/v1/applicants/7/features").status_code == 404
    answer = client.get("/v1/applicants/100/features", params={"name": "NO_SUCH"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "NO_SUCH" in answer.json()["detail"]


def test_a_batch_comes_in_the_order_asked_with_null_for_who_is_unknown(client: TestClient) -> None:
    body = {"applicant_ids": [205, 7, 100], "names": ["PREV_COUNT"]}
    answer = client.post("/v1/features", json=body).json()
    assert answer["applicant_ids"] == [205, 7, 100]
    assert answer["values"][1] is None
    assert [len(row) for row in answer["values"] if row is not None] == [1, 1]


def test_a_batch_that_is_too_large_is_refused(client: TestClient) -> None:
    assert client.post("/v1/features", json={"applicant_ids": [1, 2, 3, 4]}).status_code == 422


def test_snapshots_say_which_one_is_served(client: TestClient, snapshot: SnapshotReader) -> None:
    (one,) = client.get("/v1/snapshots").json()
    assert (one["id"], one["is_served"], one["n_applicants"]) == (snapshot.id, True, 2)
    assert client.get(f"/v1/snapshots/{snapshot.id}").json() == one
    assert client.get("/v1/snapshots/abc").status_code == 404


def test_definitions_have_lineage_and_coverage(client: TestClient) -> None:
    everything = client.get("/v1/definitions").json()
    assert [one["name"] for one in everything] == list(ALL_FEATURE_NAMES)
    by_name = {one["name"]: one for one in everything}
    assert by_name["BUREAU_DEBT_TOTAL"]["sources"] == ["AMT_CREDIT_SUM_DEBT"]
    assert by_name["BUREAU_DEBT_TOTAL"]["coverage"] == 1.0
    cards = client.get("/v1/definitions", params={"table": "credit_card_balance"}).json()
    assert 0 < len(cards) < len(ALL_FEATURES)


def test_before_the_first_snapshot_it_is_ready_and_says_who_asks_what_to_run(tmp_path: Path) -> None:
    """A first install waits until all pods are ready, and nobody can have built a snapshot for it yet."""
    with client_of(tmp_path) as client:
        assert client.get("/readyz").json() == {"status": "ready", "snapshot": None}
        answer = client.get("/v1/applicants/100/features")
        assert answer.status_code == 503
        assert "features build" in answer.json()["detail"]
        assert answer.headers["retry-after"] == "5"


def test_it_is_not_ready_with_a_snapshot_that_it_cannot_serve(tmp_path: Path) -> None:
    served = publish(tmp_path, [100])
    manifest = tmp_path / "store" / "snapshots" / served.id / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format_version":', '"format_of_others":'))
    with client_of(tmp_path) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503


def test_it_is_not_ready_while_the_store_refuses_to_be_read(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file, and no folder")
    with client_of(tmp_path) as client:
        assert client.get("/readyz").status_code == 503


def test_metrics_name_the_snapshot_that_is_served(client: TestClient, snapshot: SnapshotReader) -> None:
    assert client.get("/readyz").json()["snapshot"]["id"] == snapshot.id
    text = client.get("/metrics").text
    assert f'scorestream_features_snapshot_info{{id="{snapshot.id}"}} 1.0' in text
    assert 'scorestream_features_answers_total{route="/readyz",status="200"}' in text
    as_of = datetime.fromisoformat(snapshot.as_of).timestamp()
    (said,) = re.findall(r"^scorestream_features_snapshot_as_of_timestamp_seconds (.*)$", text, re.MULTILINE)
    assert float(said) == as_of
