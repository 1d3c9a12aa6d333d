"""One lane as a producer sees it: requests in, and what comes out of the scorer on three topics."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from contracts.application import example
from contracts.headers import APPLICATION_ID, CORRELATION_ID
from contracts.lanes import Lane
from contracts.topics import APPLICATIONS_DLQ, REPLIES
from tests.e2e.conftest import ScoringPath
from tests.e2e.kafka_client import Headers, KafkaClient, Offsets, Placed, Record, Request, reply_headers
from tests.e2e.processes import Process

_applicants = itertools.count(3_000_000_000)


def application(**changes: Any) -> tuple[int, bytes]:
    """An applicant that no other test uses, and its application's JSON."""
    applicant = next(_applicants)
    return applicant, json.dumps(
        {**json.loads(example("minimal")), "SK_ID_CURR": applicant, **changes}
    ).encode()


def good_request(headers: Headers = (), *, partition: int | None = None, **changes: Any) -> Request:
    """A good application of a fresh applicant, keyed as it should be."""
    applicant, value = application(**changes)
    return Request(value, str(applicant).encode(), headers, partition)


@dataclass(slots=True)
class LaneUnderTest:
    """What a lane writes after this object was made; a test has one of its own."""

    lane: Lane
    kafka: KafkaClient
    #: The lane's scorer, if it is this module's alone.
    scorer: Process | None
    replies_since: Offsets = field(init=False)
    predictions_since: Offsets = field(init=False)
    dead_since: Offsets = field(init=False)

    def __post_init__(self) -> None:
        self.replies_since = self.kafka.ends(REPLIES.name)
        self.predictions_since = self.kafka.ends(self.lane.predictions.name)
        self.dead_since = self.kafka.ends(APPLICATIONS_DLQ.name)

    def send(self, *requests: Request) -> list[Placed]:
        """Write requests to the lane's topic."""
        return self.kafka.send(self.lane.applications.name, *requests)

    def ask(self, sent: Request, *, partition: int | None = None) -> Record:
        """Send with reply headers added; the one reply."""
        correlation_id = os.urandom(16)
        headers = [*sent.headers, *reply_headers(correlation_id, partition=partition)]
        self.send(Request(sent.value, sent.key, headers, sent.partition))
        return self.reply(correlation_id)

    def wait_until_all_is_worked_off(self) -> None:
        """Return when everything sent so far was handled: a last request in each partition is answered."""
        for partition in self.kafka.ends(self.lane.applications.name):
            self.ask(good_request(partition=partition))

    def reply(self, correlation_id: bytes) -> Record:
        """The reply with this correlation id, once it is there."""
        return self._one(REPLIES.name, self.replies_since, _has(CORRELATION_ID, correlation_id))

    def prediction(self, application_id: str) -> Record:
        """The prediction of this application, once it is there."""
        return self._one(
            self.lane.predictions.name, self.predictions_since, _has(APPLICATION_ID, application_id.encode())
        )

    def dead_letter(self, placed: Placed) -> Record:
        """The dead letter of the record at `placed`, once it is there."""

        def is_wanted(record: Record) -> bool:
            source = tuple(
                record.header(name) for name in ("source-topic", "source-partition", "source-offset")
            )
            return source == (
                self.lane.applications.name.encode(),
                str(placed.partition).encode(),
                str(placed.offset).encode(),
            )

        return self._one(APPLICATIONS_DLQ.name, self.dead_since, is_wanted)

    def deliver_again(self, placed: Placed) -> None:
        """Stop the scorer, take the lane's committed offset back to `placed`, and start it again."""
        assert self.scorer is not None
        assert self.scorer.terminate() == 0
        self.kafka.commit(self.lane.consumer_group, self.lane.applications.name, placed)
        self.scorer.start()

    def all_replies(self) -> list[Record]:
        """Every reply so far, the probes' of `wait_until_all_is_worked_off` included."""
        return self.kafka.read(REPLIES.name, self.replies_since)

    def all_predictions(self) -> list[Record]:
        """Every prediction so far."""
        return self.kafka.read(self.lane.predictions.name, self.predictions_since)

    def all_dead_letters(self) -> list[Record]:
        """Every dead letter so far."""
        return self.kafka.read(APPLICATIONS_DLQ.name, self.dead_since)

    def _one(self, topic: str, since: Offsets, is_wanted: Callable[[Record], bool]) -> Record:
        (record,) = self.kafka.wait_for(topic, since, is_wanted)
        return record


def _has(header: str, value: bytes) -> Callable[[Record], bool]:
    return lambda record: record.header(header) == value


@pytest.fixture(scope="module")
def kafka(kafka_bootstrap: str) -> Iterator[KafkaClient]:
    """A client of the run's broker."""
    with KafkaClient(kafka_bootstrap) as client:
        yield client


@pytest.fixture(scope="module", params=list(Lane))
def running(
    request: pytest.FixtureRequest, scoring_path: ScoringPath
) -> Iterator[tuple[Lane, Process | None]]:
    """Each lane in turn, with a scorer: the run's own for sync, one of this module for batch."""
    if request.param is Lane.SYNC:
        request.getfixturevalue("gateway_url")
        yield Lane.SYNC, None
    else:
        scorer = scoring_path.scorer(Lane.BATCH.value)
        yield Lane.BATCH, scorer
        assert scorer.terminate() == 0, scorer.log()


@pytest.fixture
def lane(running: tuple[Lane, Process | None], kafka: KafkaClient) -> LaneUnderTest:
    """The lane as this test sees it."""
    return LaneUnderTest(running[0], kafka, running[1])
