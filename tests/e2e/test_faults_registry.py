"""A registry that goes away under load: decisions go on with the model that is there, also after a death."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.local.mlflow_server import MlflowServer
from tests.e2e.audit import audit
from tests.e2e.faults import PATIENT, applicants, now, own_broker, report, wait_until_answered
from tests.e2e.load import Load
from tests.registry_rules import OCCASION, built
from training.mlflow_registry import MlflowRegistry
from training.registry import promote

NAME = "credit-risk"


@pytest.mark.faults
def test_without_the_registry_a_killed_scorer_decides_on_with_the_model_it_had(tmp_path: Path) -> None:
    with MlflowServer(tmp_path / "mlflow") as server, own_broker(tmp_path, None) as (kafka, path):
        registry = MlflowRegistry(server.tracking_uri)
        registry.register(built(NAME))
        path.promote(promote(registry, name=NAME, version=None, occasion=OCCASION))
        registry.register(built(NAME, seed=6))
        unreachable = promote(registry, name=NAME, version=None, occasion=OCCASION, force=True)
        scorer, gateway = path.scorer(MLFLOW_TRACKING_URI=server.tracking_uri), path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            load.run_for(2)
            server.stop()
            path.promote(unreachable)  # announced, and nowhere to be had
            load.run_for(5)
            without = set(load.statuses())
            scorer.kill()
            restarted = now()
            scorer.start(is_waiting=False)
            back_s = wait_until_answered(load, since_s=restarted)
            load.run_for(5)
        audit(kafka.bootstrap_servers, load.requests)
    report(
        "registry away, a promotion that can't be fetched, kill -9 of the only scorer",
        statuses=dict(load.statuses()),
        first_decision_after_restart_s=back_s,
    )
    versions = {json.loads(r.answer)["model"]["version"] for r in load.answered() if r.status == 200}
    assert versions == {"1"}
    assert without == {200}
    assert set(load.statuses()) <= {200, 202}
