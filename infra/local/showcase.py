"""Applications for the demo to show, their scoring over HTTP, and their way through Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from contracts import headers
from contracts.application import Value
from contracts.csv_rows import applications_in
from contracts.events import DecisionDocument
from contracts.topics import APPLICATIONS, PREDICTIONS, REPLIES
from infra.runtime.kafka import KafkaConnection
from infra.runtime.reading import log_reader
from scorestream.client import ScorestreamClient
from training.split import split

DEADLINE_MS: Final = 200
_WARM_UP: Final = 10
_LOOK_BACK_S: Final = 60


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
            decision = client.submit(application).decision
            milliseconds = (time.perf_counter() - started) * 1000
            if decision is not None and milliseconds <= DEADLINE_MS:
                scored.append(Scored(decision, milliseconds))
            else:
                state = "pending" if decision is None else "decided"
                late.append(f"applicant {application['SK_ID_CURR']}: {state} after {milliseconds:.0f} ms")
    if late:
        raise NotInTime(
            f"{len(late)} of {len(applications)} were not decided in {DEADLINE_MS} ms: {'; '.join(late)}"
        )
    return scored


async def traces(connection: KafkaConnection, scored: Sequence[Scored]) -> dict[str, Trace]:
    """By application id: its records in `applications`, `predictions` and `replies`, read from Kafka."""
    found: dict[str, list[str]] = {one.decision.application_id: [] for one in scored}
    correlations: dict[str, str] = {}
    since_ms = int((time.time() - _LOOK_BACK_S) * 1000)
    async with log_reader(connection) as reader:
        for topic in (APPLICATIONS, PREDICTIONS, REPLIES):
            partitions = await reader.partitions(topic.name)
            starts = await reader.at_time(partitions, since_ms)
            async for record in reader.records(starts, await reader.ends(partitions)):
                present = dict(record.headers)
                application_id = present.get(headers.APPLICATION_ID, b"").decode()
                if application_id in found:
                    found[application_id].append(f"{topic.name}[{record.partition}]@{record.offset}")
                    if topic is REPLIES:
                        correlations[application_id] = present[headers.CORRELATION_ID].hex()
    return {one: Trace(correlations.get(one, ""), tuple(records)) for one, records in found.items()}
