"""A broker that is killed, frozen or not there yet: said at once, and all goes on by itself after."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from contracts.events import ModelPromoted
from infra.kafka.embedded import EmbeddedKafka
from tests.e2e.audit import audit
from tests.e2e.faults import FaultyPath, applicants, now, own_broker, report, wait_until_answered
from tests.e2e.load import Load, Request, application
from tests.e2e.processes import wait_until

pytestmark = pytest.mark.faults

Outage = Callable[[EmbeddedKafka, Load], None]


def test_a_killed_broker_costs_503s_and_nothing_accepted(tmp_path: Path, promoted: ModelPromoted) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        survive(kafka, path, "broker kill -9, 5 s", kafka.kill, seconds=5, end=kafka.restart)


def test_a_frozen_broker_costs_503s_and_nothing_accepted(tmp_path: Path, promoted: ModelPromoted) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        survive(kafka, path, "broker SIGSTOP, 30 s", kafka.pause, seconds=30, end=kafka.resume)


def test_a_broker_that_is_away_for_a_minute_costs_nothing_accepted(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        survive(kafka, path, "broker kill -9, 60 s", kafka.kill, seconds=60, end=kafka.restart)


def test_a_broker_that_is_killed_three_times_costs_nothing_accepted(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        scorer, gateway = path.scorer(), path.gateway()
        with Load([gateway.url], applicants) as load:
            for _ in range(3):
                wait_until_answered(load, since_s=now())
                kafka.kill()
                kafka.restart()
            wait_until_answered(load, since_s=now())
        history = audit(kafka.bootstrap_servers, load.requests)
        report("three broker kills", statuses=dict(load.statuses()), decided_again=history.decided_again)
        assert set(load.statuses()) <= {200, 202, 503}
        assert (scorer.exit_status, gateway.exit_status) == (None, None)


@pytest.mark.parametrize("end", ["kill", "pause"])
def test_both_processes_end_with_0_while_the_broker_is_away(
    end: str, tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        scorer, gateway = path.scorer(), path.gateway()
        with Load([gateway.url], applicants) as load:
            wait_until_answered(load, since_s=now())
            getattr(kafka, end)()
            load.run_for(3)
            asked = now()
            gateway.signal(signal.SIGTERM)
            scorer.signal(signal.SIGTERM)
            statuses = gateway.wait(), scorer.wait()
            report(f"SIGTERM while the broker is away ({end})", both_ended_after_s=now() - asked)
        if end == "pause":
            kafka.resume()
        assert statuses == (0, 0)


def test_gateway_and_scorer_that_start_before_the_broker_wait_for_it(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        kafka.kill()
        scorer, gateway = path.starting_scorer(), path.starting_gateway()
        for process in (scorer, gateway):
            wait_until(lambda url=process.url: answers(f"{url}/healthz") == 200, why="alive")  # type: ignore[misc]
            assert answers(f"{process.url}/readyz") == 503
        applicant = applicants()
        asked = now()
        refused = httpx.post(
            f"{gateway.url}/v1/applications",
            content=application(applicant),
            headers={"Content-Type": "application/json"},
        )
        refused_after_s = now() - asked
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        kafka.restart()
        started = now()
        for process in (gateway, scorer):
            process.wait_ready()
        report("started before the broker", refused_after_s=refused_after_s, ready_after_s=now() - started)
        with Load([gateway.url], applicants) as load:
            wait_until_answered(load, since_s=now())
        audit(kafka.bootstrap_servers, load.requests)


def survive(
    kafka: EmbeddedKafka,
    path: FaultyPath,
    what: str,
    begin: Callable[[], None],
    *,
    seconds: float,
    end: Callable[[], None],
) -> None:
    """Load through an outage that `begin` starts and `end` ends; the rules that hold for any of them."""
    scorer, gateway = path.scorer(), path.gateway()
    with Load([gateway.url], applicants) as load:
        wait_until_answered(load, since_s=now())
        begun = now()
        begin()
        wait_until(
            lambda: answers(f"{gateway.url}/readyz") == 503, timeout_s=10, why="the gateway is not ready"
        )
        not_ready_s = now() - begun
        load.run_for(max(0.0, seconds - not_ready_s))
        lost_until = now()
        end()
        ended = now()
        gateway_restarts, scorer_restarts = gateway.exit_status, scorer.exit_status
        back_s = wait_until_answered(load, since_s=ended, timeout_s=90)
        gateway.wait_ready(10)
        all_back_s = now() - ended
    history = audit(kafka.bootstrap_servers, load.requests)
    lost = [r for r in load.since(begun + 0.5) if r.ended_s < lost_until]
    refused = [r for r in load.answered() if r.status == 503]
    landed = {name for _, name in history.record.accepted}
    report(
        what,
        statuses=dict(load.statuses()),
        during=dict(statuses_of(lost)),
        longest_503_s=max(r.took_s for r in refused),
        longest_any_s=max(r.took_s for r in load.answered()),
        not_ready_after_s=not_ready_s,
        first_decision_s=back_s,
        all_decisions_s=all_back_s,
        exits=(gateway_restarts, scorer_restarts, scorer.exit_status),
        decided_again=history.decided_again,
        landed_of_503=len({r.application_id for r in refused} & landed),
    )
    assert set(load.statuses()) <= {200, 202, 503}
    assert {r.retry_after for r in refused} == {"1"}
    assert max(r.took_s for r in load.answered()) < 2
    assert (scorer.exit_status, gateway.exit_status) == (None, None), "they recover without a restart"


def statuses_of(requests: list[Request]) -> dict[int, int]:
    """How many ended with which status."""
    return {status: sum(r.status == status for r in requests) for status in {r.status for r in requests}}


def answers(url: str) -> int:
    """The status that `url` answers with now; 0 when nobody listens."""
    try:
        return httpx.get(url, timeout=2).status_code
    except httpx.ConnectError:
        return 0
