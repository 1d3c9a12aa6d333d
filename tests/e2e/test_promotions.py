"""A hundred promotions and rollbacks under a constant load: no failed request, no mixed versions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import pytest

from contracts.events import (
    ModelPromoted,
)
from tests.bundles import promoted_bundle
from tests.e2e.audit import audit
from tests.e2e.decisions_of_record import predictions, recomputed_otherwise
from tests.e2e.faults import PATIENT, applicants, now, own_broker, report, wait_until_answered
from tests.e2e.load import Load
from tests.e2e.processes import Process, wait_until

pytestmark = pytest.mark.slow

PROMOTIONS = 100
WORKERS = 2
#: All workers decide with a promoted version this soon, on a machine that is theirs.
SWITCH_S = 10.0
_PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[ModelPromoted]:
    """Three models of one name; the promotions go round."""
    folder = tmp_path_factory.mktemp("bundles")
    return [promoted_bundle(folder / str(seed), seed=seed) for seed in range(3)]


def test_a_hundred_promotions_under_load_fail_no_request_and_mix_no_versions(
    tmp_path: Path, bundles: list[ModelPromoted]
) -> None:
    promotions = [
        msgspec.structs.replace(bundles[number % len(bundles)], version=str(number))
        for number in range(1, PROMOTIONS + 1)
    ]
    with own_broker(tmp_path, promotions[0]) as (kafka, path):
        workers = [path.scorer() for _ in range(WORKERS)]
        gateway = path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            wait_until_answered(load, since_s=now())
            switched_s = [switch(path.promote, promotion, workers) for promotion in promotions[1:]]
            wait_until_answered(load, since_s=now())
        audit(kafka.bootstrap_servers, load.requests)
        assert set(load.statuses()) == {200}
        scored = asyncio.run(predictions(kafka.bootstrap_servers))
    report(
        "promotions under load",
        promotions=len(switched_s),
        requests=len(load.requests),
        slowest_switch_s=max(switched_s),
        median_switch_s=sorted(switched_s)[len(switched_s) // 2],
        slowest_answer_s=max(request.took_s for request in load.answered()),
    )
    assert sorted(switched_s)[len(switched_s) // 2] < SWITCH_S
    digest_of = {promotion.version: promotion.digest for promotion in promotions}
    assert {decision.model.version for _, decision in scored} == digest_of.keys()
    for record, decision in scored:
        assert record.model_digest == digest_of[decision.model.version]
    assert recomputed_otherwise(scored, bundles) == []


def switch(
    promote: Callable[[ModelPromoted], None], promotion: ModelPromoted, workers: list[Process]
) -> float:
    """Seconds until all workers decide with the promotion."""
    started = time.monotonic()
    promote(promotion)
    wait_until(
        lambda: all(deciding_version(worker) == promotion.version for worker in workers),
        timeout_s=_PATIENCE_S,
        why=f"all workers decide with version {promotion.version}",
    )
    return time.monotonic() - started


def deciding_version(worker: Process) -> str:
    """The version that /readyz names."""
    return str(httpx.get(f"{worker.url}/readyz", timeout=5).json()["model"]["version"])
