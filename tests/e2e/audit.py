"""What the log says at the end, held against what clients were told.

`read_log` reads the sync lane's topics from their beginning; `check` finds, by rule: accepted and
undecided, answered with another decision than the first on record, an answer to another caller, a
decision without an application, inputs that were not committed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from contracts import headers
from contracts.events import decode_scored
from contracts.identity import application_id_for_record
from contracts.lanes import Lane
from contracts.topics import APPLICATIONS, APPLICATIONS_DLQ, PREDICTIONS
from tests.e2e.conftest import PARTITIONS
from tests.e2e.load import Request

_TOPICS = (APPLICATIONS.name, PREDICTIONS.name, APPLICATIONS_DLQ.name)
_READ_TIMEOUT_S = 60.0


@dataclass
class LogHistory:
    """The sync lane as its topics hold it."""

    accepted: list[str] = field(default_factory=list)
    #: Every decision document by application id, in the order of the log: the first one counts.
    decisions: dict[str, list[bytes]] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)
    #: Records that nobody has committed, by partition of `applications`.
    uncommitted: dict[int, int] = field(default_factory=dict)

    @property
    def decided_again(self) -> int:
        """Prediction records beyond the first of their application."""
        return sum(len(documents) - 1 for documents in self.decisions.values())


@dataclass
class Findings:
    """What broke a rule, by application id; empty when all is well."""

    accepted_but_not_in_the_log: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    decided_without_application: list[str] = field(default_factory=list)
    other_than_the_first_decision: list[str] = field(default_factory=list)
    answer_of_another: list[str] = field(default_factory=list)
    uncommitted: dict[int, int] = field(default_factory=dict)

    def broken(self) -> dict[str, Collection[object]]:
        """The rules that do not hold, with what breaks them."""
        return {rule: found for rule, found in vars(self).items() if found}


def audit(bootstrap_servers: str, requests: Iterable[Request], *, settle_s: float = 60) -> LogHistory:
    """The history once all inputs are committed; fails with the rules that do not hold.

    Inputs that are still uncommitted after `settle_s` are one of the findings.
    """
    asyncio.run(_settled(bootstrap_servers, settle_s))
    history = asyncio.run(read_log(bootstrap_servers))
    broken = check(history, requests).broken()
    assert not broken, "\n".join(f"{rule}: {len(found)}, {list(found)[:3]}" for rule, found in broken.items())
    return history


def check(history: LogHistory, requests: Iterable[Request]) -> Findings:
    """Hold `requests` against `history`. Pure."""
    findings = Findings(uncommitted={p: lag for p, lag in history.uncommitted.items() if lag})
    accepted = set(history.accepted)
    findings.undecided = [i for i in accepted if i not in history.decisions and i not in history.dead]
    findings.decided_without_application = [i for i in history.decisions if i not in accepted]
    for request in requests:
        if request.status not in {200, 202}:
            continue
        application_id = request.application_id or ""
        if application_id not in accepted:
            findings.accepted_but_not_in_the_log.append(application_id)
        if request.status == 200:
            first, *_ = history.decisions.get(application_id) or [b""]
            if request.answer != first:
                findings.other_than_the_first_decision.append(application_id)
            answered = json.loads(request.answer)
            if (answered["application_id"], answered["applicant_id"]) != (application_id, request.applicant):
                findings.answer_of_another.append(application_id)
    return findings


async def read_log(bootstrap_servers: str) -> LogHistory:
    """All records of the lane's topics, and how far its group has committed."""
    history = LogHistory()
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=Lane.SYNC.consumer_group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    ) as consumer:
        partitions = _partitions(*_TOPICS)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        deadline = time.monotonic() + _READ_TIMEOUT_S
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            assert time.monotonic() < deadline, "the log can't be read to its end"
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    _note(history, record)
        history.uncommitted = await _uncommitted(consumer)
    return history


async def _settled(bootstrap_servers: str, timeout_s: float) -> None:
    """Wait until the lane has committed all there is, or until the time is over."""
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, group_id=Lane.SYNC.consumer_group, enable_auto_commit=False
    ) as consumer:
        consumer.assign(_partitions(APPLICATIONS.name))
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and any((await _uncommitted(consumer)).values()):
            await asyncio.sleep(0.25)


async def _uncommitted(consumer: AIOKafkaConsumer) -> dict[int, int]:
    partitions = _partitions(APPLICATIONS.name)
    ends = await consumer.end_offsets(partitions)
    return {one.partition: ends[one] - (await consumer.committed(one) or 0) for one in partitions}


def _partitions(*topics: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]


def _note(history: LogHistory, record: ConsumerRecord) -> None:
    topic, present = record.topic, dict(record.headers)
    if topic == APPLICATIONS.name:
        history.accepted.append(_id_given_or_derived(record))
    elif topic == PREDICTIONS.name:
        scored = decode_scored(record.value)
        history.decisions.setdefault(scored.application_id, []).append(bytes(scored.decision))
    else:
        history.dead[present[headers.APPLICATION_ID].decode()] = present[headers.DLQ_REASON].decode()


def _id_given_or_derived(record: ConsumerRecord) -> str:
    """The id by the contract's rule: the producer's, else one from the record's place."""
    try:
        given = headers.application_id(dict(record.headers))
    except headers.MalformedHeader:
        given = None
    return given or application_id_for_record(record.topic, record.partition, record.offset)
