"""A gateway that is sent away under load: clients with open connections notice nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from contracts.events import ModelPromoted
from tests.e2e.audit import audit
from tests.e2e.faults import PATIENT, applicants, now, own_broker, report, wait_until_answered
from tests.e2e.load import Load
from tests.e2e.processes import wait_until

_GRACE_S = 2.0


def test_a_gateway_that_is_sent_away_fails_no_request(tmp_path: Path, promoted: ModelPromoted) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        path.scorer()
        leaving, staying = (path.gateway(**PATIENT, GATEWAY_DRAIN_GRACE_S=str(_GRACE_S)) for _ in range(2))
        with Load([leaving.url, staying.url], applicants) as load:
            wait_until_answered(load, since_s=now())
            asked = now()
            leaving.signal(signal.SIGTERM)
            assert not leaving.is_ready()
            assert leaving.wait() == 0
            ended_s = now() - asked
            wait_until(lambda: load.requests[-1].url == staying.url, why="clients moved")
            wait_until_answered(load, since_s=now())
        audit(kafka.bootstrap_servers, load.requests)
        failures = [r.failure for r in load.answered() if r.failure]
        report(
            "gateway SIGTERM",
            statuses=dict(load.statuses()),
            ended_s=ended_s,
            served_while_leaving=sum(r.url == leaving.url for r in load.since(asked)),
            longest_s=max(r.took_s for r in load.since(asked)),
            failures=failures[:3],
        )
        assert set(load.statuses()) <= {200, 202}
        assert any(r.url == leaving.url and r.status == 200 for r in load.since(asked))
        assert ended_s < _GRACE_S + 15


@pytest.mark.faults
def test_who_asks_again_elsewhere_after_a_gateway_was_killed_gets_the_one_decision(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        path.scorer()
        settings = {**PATIENT, "LEDGER_URL": path.ledger().url}
        gateways = [path.gateway(**settings) for _ in range(2)]
        urls = [gateway.url for gateway in gateways]
        with Load(urls, applicants, rate_per_s=15, key_every=1, insists=True) as load:
            for round_number in range(4):
                load.run_for(2)
                gateway = gateways[round_number % 2]
                gateway.kill()
                load.run_for(1)
                gateway.start()
            wait_until_answered(load, since_s=now())
        audited = audit(kafka.bootstrap_servers, load.requests)
        last = {request.key: request.status for request in load.answered()}
        report(
            "gateways killed four times, clients ask elsewhere",
            statuses=dict(load.statuses()),
            unanswered=sum(r.status == 0 for r in load.answered()),
            keys=len(last),
            decided=audited.decided,
            decided_again=audited.decided_again,
        )
        assert set(last.values()) == {200}
        assert audited.decided == len(last)
