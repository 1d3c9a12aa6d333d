from __future__ import annotations

import math

import httpx
import msgspec
import pytest

from bench.controls import in_process
from bench.controls.plain import ControlSettings, PlainDecider
from contracts.application import decode_submitted, example
from feature_service.snapshot import SnapshotReader
from scorer.bundle import read_bundle
from scorer.decide import decide
from scorer.model import ServingModel
from tests.models import write_model
from tests.snapshots import write_snapshot

BODIES = [example(name) for name in ("full", "minimal", "pensioner", "revolving")]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ControlSettings:
    folder = tmp_path_factory.mktemp("control")
    write_model(folder / "bundle")
    write_snapshot(folder / "snapshot", [100_002, 100_003])
    return ControlSettings(bundle=folder / "bundle", snapshot=folder / "snapshot", has_reasons=True)


def test_a_control_decides_what_the_scorer_decides(settings: ControlSettings) -> None:
    control, model = PlainDecider(settings), ServingModel(read_bundle(settings.bundle))
    with SnapshotReader.open(settings.snapshot) as history:
        verdicts = decide([decode_submitted(body) for body in BODIES], model, history)
    for body, verdict in zip(BODIES, verdicts, strict=True):
        said = msgspec.json.decode(control.decide(body))
        assert said["probability_of_default"] == verdict.probability_of_default
        assert said["decision"] == verdict.decision
        assert [reason["code"] for reason in said["reasons"]] == [reason.code for reason in verdict.reasons]


def test_a_control_knows_the_models_input_and_lightgbms_own_probability(settings: ControlSettings) -> None:
    control = PlainDecider(settings)
    row = control.row(BODIES[0])
    assert len(row) == len(control.columns)
    assert all(value is None or math.isfinite(value) for value in row)
    assert 0.0 < control.uncalibrated(BODIES[0]) < 1.0


@pytest.mark.anyio
async def test_the_plain_service_answers_and_refuses(
    settings: ControlSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_BUNDLE", str(settings.bundle))
    monkeypatch.setenv("BENCH_SNAPSHOT", str(settings.snapshot))
    transport = httpx.ASGITransport(app=in_process.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://control") as client:
        scored = await client.post("/v1/applications", content=BODIES[0])
        assert scored.json()["status"] == "decided"
        assert (await client.post("/v1/applications", content=b"{}")).status_code == 422
