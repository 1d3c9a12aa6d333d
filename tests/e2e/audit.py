"""What the log says at the end, held against what clients were told.

`read_log` reads the sync lane's topics from their beginning once all inputs are committed; the rules are
those of `tests.history.checker`, the same that the simulator's schedules are held to.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.lanes import Lane
from contracts.topics import APPLICATIONS, APPLICATIONS_DLQ, PREDICTIONS, REPLIES
from infra.runtime.kafka import KafkaConnection
from tests.e2e import load, totals
from tests.e2e.conftest import PARTITIONS
from tests.history.checker import check
from tests.history.events import History, LogRecord, Request
from tests.history.record import Record

_TOPICS = (APPLICATIONS.name, PREDICTIONS.name, APPLICATIONS_DLQ.name, REPLIES.name)
_READ_TIMEOUT_S = 120.0
#: Whose requests those without an API key are.
CLIENT = "local"


@dataclass(frozen=True)
class Audited:
    """A history without a broken promise, in figures."""

    requests: int
    statuses: Counter[int]
    accepted: int
    decided: int
    dead: int
    #: Prediction records beyond the first of their application: invisible by the rule.
    decided_again: int
    record: Record


def audit(
    bootstrap_servers: str,
    requests: Iterable[load.Request],
    *,
    settle_s: float = 90,
    may_fail: Iterable[bytes] = (),
    may_kill: Iterable[bytes] = (),
) -> Audited:
    """The figures of the history once all inputs are committed; fails with every broken promise.

    `may_fail` and `may_kill` are bodies that scoring may fail on, or die of. Inputs that are still
    uncommitted after `settle_s` are a finding too.
    """
    asked = list(requests)
    uncommitted = asyncio.run(_settled(bootstrap_servers, settle_s))
    assert not uncommitted, f"not committed after {settle_s} s, by partition: {uncommitted}"
    history = History(
        requests=[_told(one) for one in asked if one.ended_s],
        records=asyncio.run(read_log(bootstrap_servers)),
        may_fail=frozenset(hashlib.sha256(one).hexdigest() for one in may_fail),
        may_kill=frozenset(hashlib.sha256(one).hexdigest() for one in may_kill),
    )
    findings = check(history)
    record = Record(history)
    totals.count(len(history.requests), len(record.accepted), findings)
    assert not findings, f"{len(findings)} broken promises, {findings[:5]}"
    return Audited(
        requests=len(history.requests),
        statuses=Counter(one.status or 0 for one in history.requests),
        accepted=len(record.accepted),
        decided=len(record.predictions),
        dead=len(record.dead.keys() - record.predictions.keys()),
        decided_again=sum(len(found) - 1 for found in record.predictions.values()),
        record=record,
    )


async def read_log(
    bootstrap_servers: str, topics: Iterable[str] = _TOPICS, *, timeout_s: float = _READ_TIMEOUT_S
) -> list[LogRecord]:
    """All records of the topics, those of the lane unless told otherwise."""
    found: list[LogRecord] = []
    connection = KafkaConnection(bootstrap_servers=bootstrap_servers)
    async with AIOKafkaConsumer(
        enable_auto_commit=False, auto_offset_reset="earliest", **connection.client_options()
    ) as consumer:
        partitions = _partitions(*topics)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        deadline = time.monotonic() + timeout_s
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            assert time.monotonic() < deadline, "the log can't be read to its end"
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [
                    LogRecord(
                        one.topic, one.partition, one.offset, one.key, one.value, one.headers, one.timestamp
                    )
                    for one in records
                ]
    return sorted(found, key=lambda one: (one.topic, one.partition, one.offset))


async def _settled(bootstrap_servers: str, timeout_s: float) -> dict[int, int]:
    """What is not committed, by partition: nothing, or what is left when the time is over."""
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, group_id=Lane.SYNC.consumer_group, enable_auto_commit=False
    ) as consumer:
        consumer.assign(_partitions(APPLICATIONS.name))
        deadline = time.monotonic() + timeout_s
        while left := await _uncommitted(consumer):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.25)
        return left


async def _uncommitted(consumer: AIOKafkaConsumer) -> dict[int, int]:
    partitions = _partitions(APPLICATIONS.name)
    ends = await consumer.end_offsets(partitions)
    lags = {one.partition: ends[one] - (await consumer.committed(one) or 0) for one in partitions}
    return {partition: lag for partition, lag in lags.items() if lag}


def _partitions(*topics: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]


def _told(one: load.Request) -> Request:
    return Request(
        client=CLIENT,
        key=one.key,
        applicant=one.applicant,
        body_sha256=hashlib.sha256(one.content).hexdigest(),
        sent_at=one.scheduled_s,
        answered_at=one.ended_s,
        status=one.status or None,
        application_id=one.application_id,
        document=one.answer if one.status == 200 else None,
        gateway=one.url,
    )
