"""Scorers that are killed or sent away under load: a client may wait, nothing is lost."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from contracts.events import ModelPromoted
from tests.e2e.audit import audit
from tests.e2e.faults import (
    PATIENT,
    applicants,
    longest_without_answer,
    now,
    own_broker,
    report,
    wait_until_answered,
)
from tests.e2e.load import Load
from tests.e2e.processes import wait_until


def test_a_killed_scorer_loses_nothing_and_clients_see_only_200_and_202(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        scorer, gateway = path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            load.run_for(2)
            scorer.kill()
            load.run_for(3)
            restarted = now()
            scorer.start(is_waiting=False)
            back_s = wait_until_answered(load, since_s=restarted)
        history = audit(kafka.bootstrap_servers, load.requests)
        report(
            "kill -9 of the only scorer, back 3 s later",
            statuses=dict(load.statuses()),
            first_decision_after_restart_s=back_s,
            decided_again=history.decided_again,
        )
        assert set(load.statuses()) <= {200, 202}


@pytest.mark.faults
def test_thirty_kills_in_a_row_lose_nothing(tmp_path: Path, promoted: ModelPromoted) -> None:
    chance = random.Random(3)
    with own_broker(tmp_path, promoted) as (kafka, path):
        scorer, gateway = path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            load.run_for(2)
            for _ in range(30):
                scorer.kill()
                scorer.start(is_waiting=False)
                load.run_for(chance.uniform(0.1, 1.0))
            last = now()
            back_s = wait_until_answered(load, since_s=last)
        history = audit(kafka.bootstrap_servers, load.requests)
        report(
            "thirty kills, 0.1 to 1 s apart",
            statuses=dict(load.statuses()),
            first_decision_after_the_last_s=back_s,
            decided_again=history.decided_again,
        )
        assert set(load.statuses()) <= {200, 202}


@pytest.mark.faults
def test_kills_between_decisions_lose_nothing(tmp_path: Path, promoted: ModelPromoted) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        scorer, gateway = path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            for _ in range(6):
                asked = now()
                wait_until_answered(load, since_s=asked)
                scorer.kill()
                scorer.start(is_waiting=False)
            wait_until_answered(load, since_s=now())
        history = audit(kafka.bootstrap_servers, load.requests)
        report(
            "six kills while deciding", statuses=dict(load.statuses()), decided_again=history.decided_again
        )
        assert set(load.statuses()) <= {200, 202}


@pytest.mark.faults
def test_the_other_scorer_takes_over_from_a_killed_one(tmp_path: Path, promoted: ModelPromoted) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        first, second, gateway = path.scorer(), path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            wait_until_answered(load, since_s=now())
            killed = now()
            first.kill()
            load.run_for(3)
            wait_until_answered(load, since_s=now())
            last_pending = max(
                (r.scheduled_s for r in load.since(killed - 1) if r.status == 202), default=killed
            )
        history = audit(kafka.bootstrap_servers, load.requests)
        report(
            "kill -9 of one of two scorers",
            statuses=dict(load.statuses()),
            takeover_s=last_pending - killed,
            decided_again=history.decided_again,
        )
        assert set(load.statuses()) <= {200, 202}
        assert second.exit_status is None
        assert last_pending - killed < 30


@pytest.mark.faults
def test_a_scorer_that_is_sent_away_hands_over_and_ends_with_0(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        first, second, gateway = path.scorer(), path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            wait_until_answered(load, since_s=now())
            sent_away = now()
            assert first.terminate() == 0
            ended_s = now() - sent_away
            load.run_for(2)
            wait_until_answered(load, since_s=now())
        history = audit(kafka.bootstrap_servers, load.requests)
        waited = [r.took_s for r in load.since(sent_away - 0.5)]
        report(
            "SIGTERM of one of two scorers",
            statuses=dict(load.statuses()),
            pending_after=sum(r.status == 202 for r in load.since(sent_away - 0.5)),
            longest_answer_s=max(waited),
            stall_s=longest_without_answer(load.answered(), since_s=sent_away),
            exit_s=ended_s,
            decided_again=history.decided_again,
        )
        assert set(load.statuses()) <= {200, 202}
        assert second.exit_status is None
        wait_until(second.is_ready, why="the other goes on")


@pytest.mark.faults
def test_a_frozen_scorer_that_wakes_after_half_a_minute_decides_nothing_again(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        first, second, gateway = path.scorer(), path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            wait_until_answered(load, since_s=now())
            frozen = now()
            first.signal(signal.SIGSTOP)
            load.run_for(30)
            first.signal(signal.SIGCONT)
            load.run_for(5)
            wait_until_answered(load, since_s=now())
            last_pending = max((r.scheduled_s for r in load.since(frozen) if r.status == 202), default=frozen)
        audited = audit(kafka.bootstrap_servers, load.requests)
        report(
            "SIGSTOP of one of two scorers, 30 s",
            statuses=dict(load.statuses()),
            last_202_after_s=last_pending - frozen,
            decided_again=audited.decided_again,
        )
        assert set(load.statuses()) <= {200, 202}
        assert second.exit_status is None


@pytest.mark.faults
def test_scorers_that_are_replaced_one_by_one_fail_no_request(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        scorers, gateway = [path.scorer(), path.scorer()], path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            wait_until_answered(load, since_s=now())
            for _ in range(2):
                for scorer in scorers:
                    assert scorer.terminate() == 0
                    scorer.start()
                    wait_until_answered(load, since_s=now())
        audited = audit(kafka.bootstrap_servers, load.requests)
        report(
            "four scorers replaced one by one",
            statuses=dict(load.statuses()),
            decided_again=audited.decided_again,
        )
        assert set(load.statuses()) <= {200, 202}
