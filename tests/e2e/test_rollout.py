"""What a rolling update does with pods, done with processes: one more, ready, then one away by SIGTERM.

The chart's strategy (maxSurge 1, maxUnavailable 0) is this order. A Service's list of ready pods is
`Endpoints`; it hears of a leaving pod a moment after the pod does, as kube-proxy's rules do.
"""

from __future__ import annotations

import itertools
import math
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

import pytest

from contracts.events import ModelPromoted
from tests.e2e.audit import audit
from tests.e2e.conftest import ScoringPath
from tests.e2e.faults import applicants, longest_without_answer, now, own_broker, report, wait_until_answered
from tests.e2e.load import Load, Request
from tests.e2e.processes import Process

#: As in the chart, but for the grace, which there also covers slower balancers.
ROLLED_GATEWAY = {"GATEWAY_DRAIN_GRACE_S": "3", "GATEWAY_DEADLINE_MS": "180"}
#: How much later than the pod itself the Service hears that it leaves.
ENDPOINTS_LAG_S = 0.5
REPLICAS = 2


class Endpoints(Sequence[str]):
    """The ready gateways of a Service; each look begins with the next one in turn."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = urls
        self._turn = itertools.count()

    def add(self, url: str) -> None:
        """A pod has become ready."""
        self._urls = [*self._urls, url]

    def remove(self, url: str) -> None:
        """A pod leaves."""
        self._urls = [one for one in self._urls if one != url]

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self._urls[index]

    def __len__(self) -> int:
        return len(self._urls)

    def __iter__(self) -> Iterator[str]:
        urls = self._urls
        first = next(self._turn) % len(urls)
        return iter([*urls[first:], *urls[:first]])


@pytest.mark.faults
def test_a_new_version_of_the_gateway_is_rolled_out_without_a_failed_request(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        path.scorer()
        gateways = [path.gateway(**ROLLED_GATEWAY) for _ in range(REPLICAS)]
        endpoints = Endpoints([one.url for one in gateways])
        with Load(endpoints, applicants) as load:
            load.run_for(5)
            require_a_machine_that_keeps_up(load)
            started = now()
            for old in gateways:
                endpoints.add(path.gateway(**ROLLED_GATEWAY).url)
                assert leave(old, endpoints, load) == 0
            load.run_for(3)
        history = audit(kafka.bootstrap_servers, load.requests)
        during = load.since(started)
        in_time = share(during, lambda one: one.status == 200 and one.took_s <= 0.2)
        report(
            "rolling update of two gateways at 100 requests/s",
            statuses=dict(load.statuses()),
            requests_during=len(during),
            in_200_ms=f"{in_time:.4%}",
            longest_ms=1000 * max(one.took_s for one in during),
            decided_again=history.decided_again,
        )
        assert failed(during) == []
        assert in_time >= 0.999


@pytest.mark.faults
def test_a_new_version_of_the_scorer_is_rolled_out_without_a_failed_request(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        scorers = [path.scorer() for _ in range(REPLICAS)]
        gateway = path.gateway(**ROLLED_GATEWAY)
        with Load([gateway.url], applicants) as load:
            load.run_for(5)
            require_a_machine_that_keeps_up(load)
            steps = list(rolled_scorers(path, scorers, load))
            wait_until_answered(load, since_s=now())
        history = audit(kafka.bootstrap_servers, load.requests)
        during = load.since(steps[0][0])
        begun = [moment for moment, _ in steps]
        stalls = [
            longest_without_answer([one for one in during if one.ended_s < until], since_s=since)
            for since, until in itertools.pairwise([*begun, math.inf])
        ]
        report(
            "rolling update of two scorers at 100 requests/s",
            statuses=dict(load.statuses()),
            requests_during=len(during),
            late=sum(one.status == 202 for one in during),
            stalls_s=[f"{step}: {stall:.2f}" for (_, step), stall in zip(steps, stalls, strict=True)],
            decided_again=history.decided_again,
        )
        assert failed(during) == []
        assert max(stalls) <= 1.5


def require_a_machine_that_keeps_up(load: Load) -> None:
    """Skip where requests are late although nothing is rolled out: the figures would be the machine's."""
    calm = [one for one in load.answered() if one.scheduled_s > load.requests[0].scheduled_s + 2]
    in_time = share(calm, lambda one: one.status == 200 and one.took_s <= 0.2)
    if in_time < 0.999:
        pytest.skip(f"this machine is too busy: {in_time:.2%} within 200 ms before anything is rolled out")


def rolled_scorers(path: ScoringPath, scorers: list[Process], load: Load) -> Iterator[tuple[float, str]]:
    """Replace each scorer; yields when each hand-over began and which it was."""
    for old in scorers:
        yield now(), "one more"
        path.scorer()
        load.run_for(3)
        yield now(), "one less"
        assert old.terminate() == 0
        load.run_for(3)


def leave(old: Process, endpoints: Endpoints, load: Load) -> int:
    """Send a gateway away as Kubernetes does; its exit status."""
    old.signal(signal.SIGTERM)
    load.run_for(ENDPOINTS_LAG_S)
    endpoints.remove(old.url)
    return old.wait()


def failed(requests: list[Request]) -> list[tuple[int, str]]:
    """Requests that got neither a decision nor the word that it comes."""
    return [(one.status, one.failure) for one in requests if one.status not in {200, 202}]


def share(requests: list[Request], is_so: Callable[[Request], bool]) -> float:
    """Which part of the requests is so."""
    return sum(map(is_so, requests)) / len(requests)
