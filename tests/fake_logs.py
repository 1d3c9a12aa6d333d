"""Logs in memory that pass the same rules as those on Kafka, and that a test can hold or break."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.partitioner import murmur2

from contracts.events import decode_scored
from contracts.headers import ReplyAddress
from gateway.log import LoggedSubmission
from scorer.decision_index import LoggedPrediction
from scorer.records import OutputRecord


def java_partition(key: bytes, partitions: int) -> int:
    """Where Java's default partitioner puts `key`."""
    partition: int = (murmur2(key) & 0x7FFF_FFFF) % partitions
    return partition


class FakeRecordLog:
    """RecordLog over lists. `journal` is where tests see in which order things happened."""

    def __init__(self, topics: dict[str, int], journal: list[str] | None = None) -> None:
        self.topics = topics
        self.journal = [] if journal is None else journal
        self.written: dict[tuple[str, int], list[OutputRecord]] = defaultdict(list)
        #: An append to a topic named here raises this instead.
        self.broken: dict[str, Exception] = {}
        #: An append to a topic named here waits for the event.
        self.held: dict[str, asyncio.Event] = {}

    def all_of(self, topic: str) -> list[OutputRecord]:
        """Every record of a topic, by partition and offset."""
        return [
            record for (name, _), batch in sorted(self.written.items()) if name == topic for record in batch
        ]

    async def append(self, topic: str, partition: int, records: Sequence[OutputRecord]) -> list[int]:
        """See RecordLog."""
        if topic in self.held:
            await self.held[topic].wait()
        if topic in self.broken:
            raise self.broken[topic]
        if not await self.has_partition(topic, partition):
            raise LookupError(f"{topic} has no partition {partition}")
        log = self.written[topic, partition]
        base = len(log)
        log.extend(records)
        self.journal.append(f"acknowledged {topic}")
        return list(range(base, base + len(records)))

    async def partition_for(self, topic: str, key: bytes) -> int | None:
        """See RecordLog."""
        return java_partition(key, self.topics[topic]) if topic in self.topics else None

    async def has_partition(self, topic: str, partition: int) -> bool:
        """See RecordLog."""
        return partition < self.topics.get(topic, 0)


class FakePredictionStream:
    """PredictionStream over what a FakeRecordLog holds of one topic."""

    def __init__(self, log: FakeRecordLog, topic: str) -> None:
        self._log = log
        self._topic = topic

    async def bounds(self, partition: int) -> tuple[int, int]:
        """See PredictionStream."""
        return 0, len(self._log.written[self._topic, partition])

    async def read(self, partition: int, start: int, stop: int) -> list[LoggedPrediction]:
        """See PredictionStream."""
        found = []
        for offset, record in enumerate(self._log.written[self._topic, partition]):
            if start <= offset < stop:
                one = decode_scored(record.value or b"")
                found.append(
                    LoggedPrediction(offset, offset, one.application_id, one.request_hash, one.source.offset)
                )
        return found

    async def decisions_at(self, partition: int, offsets: Collection[int]) -> dict[int, bytes]:
        """See PredictionStream."""
        written = self._log.written[self._topic, partition]
        return {
            offset: bytes(decode_scored(written[offset].value or b"").decision)
            for offset in offsets
            if offset < len(written)
        }


@dataclass
class FakeReplies:
    """Replies that keeps what it was given."""

    journal: list[str] = field(default_factory=list)
    sent: list[tuple[ReplyAddress, OutputRecord]] = field(default_factory=list)

    async def send(self, replies: Iterable[tuple[ReplyAddress, OutputRecord]]) -> None:
        """See Replies."""
        self.sent += replies
        self.journal.append("replies")


Acknowledge = Callable[[LoggedSubmission, "asyncio.Future[Any]"], None]


def at_once(_: LoggedSubmission, acknowledged: asyncio.Future[Any]) -> None:
    """The log has it before anybody looks."""
    acknowledged.set_result(None)


def never(_: LoggedSubmission, __: asyncio.Future[Any]) -> None:
    """The log does not say."""


class FakeApplicationLog:
    """ApplicationLog over a list; `acknowledge` decides what becomes of each submission."""

    def __init__(self, acknowledge: Acknowledge = at_once, *, partitions: int = 4) -> None:
        self.acknowledge = acknowledge
        self.partitions = partitions
        self.sent: list[tuple[LoggedSubmission, asyncio.Future[Any]]] = []
        self.written: dict[int, list[LoggedSubmission]] = defaultdict(list)

    async def send(self, submission: LoggedSubmission) -> asyncio.Future[Any]:
        """See ApplicationLog."""
        acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.sent.append((submission, acknowledged))
        self.written[java_partition(submission.key, self.partitions)].append(submission)
        self.acknowledge(submission, acknowledged)
        return acknowledged
