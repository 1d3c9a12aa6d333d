"""Applications for the demo to show, their scoring over HTTP, and their way through Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts import headers
from contracts.application import Value
from contracts.csv_rows import applications_in
from contracts.events import DecisionDocument, decode_decision
from contracts.topics import APPLICATIONS, PREDICTIONS, REPLIES, Topic
from scorestream.client import ScorestreamClient
from training.split import split

DEADLINE_MS: Final = 200
_WARM_UP: Final = 5
_POLL_MS: Final = 500


class NotInTime(Exception):
    """An application was not decided within the deadline; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A decision and what its caller waited."""

    decision: DecisionDocument
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Trace:
    """Where an application's records are, as topic[partition]@offset, and what tied reply to request."""

    correlation_id: str
    records: tuple[str, ...]


def unseen_applications(folder: Path, *, seed: int) -> Iterator[Mapping[str, Value]]:
    """Applications that no model was fitted on: the test file's, or else the held-out part of training."""
    test_file = folder / "application_test.csv"
    if test_file.exists():
        yield from applications_in(test_file)
        return
    train_file = folder / "application_train.csv"
    with train_file.open(encoding="utf-8") as lines:
        position = lines.readline().rstrip("\n").split(",").index("TARGET")
        target = np.array([int(line.split(",", position + 1)[position]) for line in lines])
    held_out = set(split(target, seed=seed).held_out.tolist())
    for row, application in enumerate(applications_in(train_file)):
        if row in held_out:
            yield application


def score_over_http(url: str, applications: Sequence[Mapping[str, Any]]) -> list[Scored]:
    """The decisions of `applications`, one after the other; raises NotInTime naming those that were late."""
    late: list[str] = []
    scored: list[Scored] = []
    with ScorestreamClient(url) as client:
        for application in applications[:_WARM_UP]:
            client.decide(application)  # the first requests of fresh processes pay for their connections
        for application in applications:
            started = time.perf_counter()
            answer = client.submit(application)
            milliseconds = (time.perf_counter() - started) * 1000
            if answer.status_code == 200 and milliseconds <= DEADLINE_MS:
                scored.append(Scored(decode_decision(answer.content), milliseconds))
            else:
                applicant = application["SK_ID_CURR"]
                late.append(f"applicant {applicant}: {answer.status_code} after {milliseconds:.0f} ms")
    if late:
        raise NotInTime(
            f"{len(late)} of {len(applications)} were not decided in {DEADLINE_MS} ms: {'; '.join(late)}"
        )
    return scored


async def traces(bootstrap_servers: str, scored: Sequence[Scored]) -> dict[str, Trace]:
    """By application id: its records in `applications`, `predictions` and `replies`, read from Kafka."""
    wanted = {one.decision.application_id for one in scored}
    since_ms = int((time.time() - 60) * 1000)
    found: dict[str, list[str]] = {application_id: [] for application_id in wanted}
    correlations: dict[str, str] = {}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        for topic in (APPLICATIONS, PREDICTIONS, REPLIES):
            async for record in _records_since(consumer, topic, since_ms):
                present = dict(record.headers)
                application_id = present.get(headers.APPLICATION_ID, b"").decode()
                if application_id in wanted:
                    found[application_id].append(f"{topic.name}[{record.partition}]@{record.offset}")
                    if topic is REPLIES:
                        correlations[application_id] = present[headers.CORRELATION_ID].hex()
    finally:
        await consumer.stop()
    return {one: Trace(correlations.get(one, ""), tuple(found[one])) for one in wanted}


async def _records_since(consumer: AIOKafkaConsumer, topic: Topic, since_ms: int) -> Any:
    await consumer.topics()
    consumer.assign([TopicPartition(topic.name, 0)])  # has the client learn of the topic
    await consumer.end_offsets([TopicPartition(topic.name, 0)])
    partitions = [TopicPartition(topic.name, p) for p in consumer.partitions_for_topic(topic.name) or ()]
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    for partition, found in (await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))).items():
        consumer.seek(partition, found.offset if found is not None else ends[partition])
    while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
        for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
            for record in records:
                yield record
