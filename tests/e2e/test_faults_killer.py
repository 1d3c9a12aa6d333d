"""An application that kills its worker: put aside after three tries, its neighbours decided once each."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.events import ModelPromoted
from contracts.headers import APPLICATION_ID, DLQ_ATTEMPTS, DLQ_REASON
from contracts.topics import APPLICATIONS, APPLICATIONS_DLQ, PREDICTIONS
from tests.e2e.faults import applicants, own_broker
from tests.e2e.kafka_client import KafkaClient, Request
from tests.e2e.killer_scorer import FATAL_AMOUNT
from tests.e2e.load import application
from tests.e2e.processes import Process, wait_until

_NEIGHBOURS = 6


class KillerProcess(Process):
    """The scorer that dies of an amount."""

    def __init__(self, environment: Mapping[str, str], log_file: Path) -> None:
        super().__init__([], environment=environment, log_file=log_file)
        self._environment = {**self._environment, "SCORER_PORT": str(self.port)}
        self._arguments = [sys.executable, "-m", "tests.e2e.killer_scorer"]


def request(application_id: str, **changes: object) -> Request:
    applicant = applicants()
    headers = [(APPLICATION_ID, application_id.encode())]
    return Request(application(applicant, **changes), str(applicant).encode(), headers, partition=0)


@pytest.mark.faults
def test_an_application_that_kills_its_worker_is_put_aside_after_three_tries_and_its_neighbours_are_decided(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    neighbours = [f"neighbour-{number}" for number in range(_NEIGHBOURS)]
    with (
        own_broker(tmp_path, promoted) as (kafka, path),
        KafkaClient(kafka.bootstrap_servers) as client,
    ):
        client.send(
            APPLICATIONS.name,
            *map(request, neighbours[:3]),
            request("fatal", AMT_CREDIT=FATAL_AMOUNT),
            *map(request, neighbours[3:]),
        )
        nothing = dict.fromkeys(range(4), 0)
        worker = KillerProcess(path.environment(), tmp_path / "killer.log")
        deaths = 0
        try:
            worker.start(is_waiting=False)
            while not client.read(APPLICATIONS_DLQ.name, nothing):
                wait_until(
                    lambda: (
                        worker.exit_status is not None or bool(client.read(APPLICATIONS_DLQ.name, nothing))
                    ),
                    timeout_s=90,
                    why=f"it dies or puts the application aside: {worker.log()[-2000:]}",
                )
                if worker.exit_status is not None:
                    deaths += 1
                    worker.start(is_waiting=False)
            decided = client.wait_for(PREDICTIONS.name, nothing, lambda _: True, count=_NEIGHBOURS)
        finally:
            worker.kill()
        (letter,) = client.read(APPLICATIONS_DLQ.name, nothing)
    assert deaths == 3
    assert letter.header(APPLICATION_ID) == b"fatal"
    assert (letter.header(DLQ_REASON), letter.header(DLQ_ATTEMPTS)) == (b"SCORING_KILLED", b"3")
    assert json.loads(letter.value or b"")["AMT_CREDIT"] == FATAL_AMOUNT
    assert [(record.header(APPLICATION_ID) or b"").decode() for record in decided] == neighbours
