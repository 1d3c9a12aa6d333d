"""Promotions under load: none yet, a second one, and bundles that must not decide."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import httpx
import msgspec
import pytest

from contracts.events import ModelPromoted, decode_decision
from contracts.topics import APPLICATIONS_DLQ, PREDICTIONS
from tests.bundles import promoted_bundle
from tests.e2e.audit import audit, read_log
from tests.e2e.faults import PATIENT, applicants, now, own_broker, report, wait_until_answered
from tests.e2e.load import Load
from tests.e2e.processes import Process, wait_until


@pytest.fixture(scope="module")
def challenger(tmp_path_factory: pytest.TempPathFactory) -> ModelPromoted:
    """Another model of the same name."""
    return promoted_bundle(tmp_path_factory.mktemp("bundles") / "second", version="2", seed=1)


def test_a_scorer_waits_for_the_first_promotion_and_then_swaps_without_a_failed_request(
    tmp_path: Path, promoted: ModelPromoted, challenger: ModelPromoted
) -> None:
    with own_broker(tmp_path, None) as (kafka, path):
        scorer, gateway = path.starting_scorer(), path.gateway(**PATIENT)
        wait_until(lambda: health(scorer, "healthz") == 200, why="alive without a model")
        wait_until(lambda: httpx.get(f"{gateway.url}/v1/model").status_code == 404, why="no model yet")
        with Load([gateway.url], applicants) as load:
            load.run_for(1)
            assert health(scorer, "readyz") == 503
            assert not decided_so_far(kafka.bootstrap_servers)
            path.promote(promoted)
            scorer.wait_ready()
            wait_until_answered(load, since_s=now())
            assert versions(load) == {"1"}
            swapped = now()
            path.promote(challenger)
            wait_until(lambda: deciding_version(scorer) == "2", why="the second version decides")
            swap_s = now() - swapped
            wait_until_answered(load, since_s=now())
            failed = [r for r in load.since(swapped) if r.status != 200]
            report("swap under load", until_in_use_s=swap_s, not_200_since=len(failed))
        audit(kafka.bootstrap_servers, load.requests)
        assert set(load.statuses()) <= {200, 202}
        assert versions(load) == {"1", "2"}
        assert httpx.get(f"{gateway.url}/v1/model").json()["version"] == "2"


@pytest.mark.faults
def test_a_bundle_that_must_not_decide_is_refused_and_the_old_model_goes_on(
    tmp_path: Path, promoted: ModelPromoted, challenger: ModelPromoted
) -> None:
    tampered = Path(shutil.copytree(challenger.bundle_uri, tmp_path / "tampered"))
    with (tampered / "model.txt").open("a") as model:
        model.write("\n")
    replaced = msgspec.structs.replace
    bad = {
        "hash-mismatch": replaced(challenger, version="3", bundle_uri=str(tampered)),
        "digest-mismatch": replaced(challenger, version="4", digest="0" * 64),
        "unavailable": replaced(
            challenger, version="5", digest="1" * 64, bundle_uri=str(tmp_path / "not-there")
        ),
    }
    with own_broker(tmp_path, promoted) as (kafka, path):
        scorer, gateway = path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants, rate_per_s=30) as load:
            wait_until_answered(load, since_s=now())
            for reason, promotion in bad.items():
                path.promote(promotion)
                wait_until(lambda reason=reason: refused(scorer, reason) >= 1, why=f"refused: {reason}")  # type: ignore[misc]
                assert deciding_version(scorer) == "1"
            path.promote(replaced(challenger, version="6"))
            wait_until(lambda: deciding_version(scorer) == "6", why="the next good one decides")
            wait_until_answered(load, since_s=now())
        audit(kafka.bootstrap_servers, load.requests)
        assert set(load.statuses()) <= {200, 202}
        assert versions(load) == {"1", "6"}
        assert scorer.is_ready()


def health(process: Process, page: str) -> int:
    """The status of a health page; 0 while nobody listens."""
    try:
        return httpx.get(f"{process.url}/{page}", timeout=5).status_code
    except httpx.TransportError:
        return 0


def deciding_version(scorer: Process) -> str:
    """The version that /readyz names."""
    return str(httpx.get(f"{scorer.url}/readyz", timeout=5).json()["model"]["version"])


def refused(scorer: Process, reason: str) -> float:
    """How many bundles the scorer did not take for this reason."""
    said = httpx.get(f"{scorer.url}/metrics", timeout=5).text
    line = f'scorestream_scorer_bundles_refused_total{{lane="sync",reason="{reason}"}} '
    return sum(float(one.removeprefix(line)) for one in said.splitlines() if one.startswith(line))


def versions(load: Load) -> set[str]:
    """Model versions that decided what was answered."""
    return {decode_decision(r.answer).model.version for r in load.answered() if r.status == 200}


def decided_so_far(bootstrap_servers: str) -> int:
    """Applications with a decision or a dead letter."""
    records = asyncio.run(read_log(bootstrap_servers))
    return sum(one.topic in {PREDICTIONS.name, APPLICATIONS_DLQ.name} for one in records)
