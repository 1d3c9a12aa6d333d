"""Records as the ledger's topics hold them, and a small log to put them in, without a broker."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from contracts import headers
from contracts.events import ApplicationScored, SourceRecord, Timings, encode
from gateway.ledger.fetch import take_apart
from gateway.ledger.progress import LogPartition, Progress
from gateway.ledger.store import LaneStore
from gateway.ledger.topics import LaneTopics

#: A real broker removes records that claim to be older than its retention.
NOW_MS = time.time_ns() // 1_000_000
TOPICS = LaneTopics("applications", "predictions", "applications-dlq")


@dataclass(frozen=True)
class Record:
    """A Kafka record; topic, partition and offset are given when it is put into a log."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = NOW_MS
    topic: str = ""
    partition: int = 0
    offset: int = 0


def application(
    name: str | None,
    applicant: int = 100_001,
    *,
    client: str | None = "bank",
    key_hash: str | None = None,
    amount: int = 1,
    at_ms: int = NOW_MS,
) -> Record:
    """What a gateway writes to an applications topic."""
    given = {
        headers.APPLICATION_ID: name,
        headers.CLIENT_ID: client,
        headers.IDEMPOTENCY_KEY_HASH: key_hash,
    }
    return Record(
        key=str(applicant).encode(),
        value=json.dumps({"SK_ID_CURR": applicant, "AMT_CREDIT": amount}).encode(),
        headers=[(header, text.encode()) for header, text in given.items() if text is not None],
        timestamp=at_ms,
    )


def prediction(
    name: str,
    applicant: int = 100_001,
    *,
    decision: str = "approve",
    amount: int = 1,
    source: tuple[str, int, int] = ("applications", 0, 0),
    at_ms: int = NOW_MS + 500,
) -> Record:
    """What a scorer writes to a predictions topic."""
    submitted = application(name, applicant, amount=amount).value or b""
    document = {"application_id": name, "applicant_id": applicant, "status": "decided", "decision": decision}
    scored = ApplicationScored(
        application_id=name,
        decision=msgspec.Raw(json.dumps(document).encode()),
        application=msgspec.Raw(submitted),
        request_hash=hashlib.sha256(submitted).hexdigest(),
        feature_hash="0" * 64,
        margin=0.1,
        model_digest="1" * 64,
        source=SourceRecord(*source),
        lane="sync",
        scorer="test",
        timings=Timings(1.0, 1.0),
    )
    return Record(
        key=str(applicant).encode(),
        value=encode(scored),
        headers=[(headers.APPLICATION_ID, name.encode()), (headers.CLIENT_ID, b"bank")],
        timestamp=at_ms,
    )


def dead_letter(
    name: str,
    applicant: int = 100_001,
    *,
    reason: str = "INVALID",
    source: tuple[str, int, int] = ("applications", 0, 0),
    at_ms: int = NOW_MS + 400,
) -> Record:
    """What a scorer writes to the dead-letter topic."""
    topic, partition, offset = source
    added = {
        headers.DLQ_REASON: reason,
        headers.DLQ_DETAIL: "AMT_CREDIT: must be above 0",
        headers.DLQ_SOURCE_TOPIC: topic,
        headers.DLQ_SOURCE_PARTITION: str(partition),
        headers.DLQ_SOURCE_OFFSET: str(offset),
        headers.DLQ_ATTEMPTS: "1",
    }
    input_record = application(name, applicant)
    written = [*input_record.headers, *((header, text.encode()) for header, text in added.items())]
    return replace(input_record, headers=written, timestamp=at_ms)


@dataclass
class MemoryLog:
    """Topics in memory."""

    records: dict[LogPartition, list[Record]] = field(default_factory=dict)

    def append(self, topic: str, record: Record, *, partition: int = 0) -> Record:
        """Write a record; it with its place."""
        kept = self.records.setdefault(LogPartition(topic, partition), [])
        placed = replace(record, topic=topic, partition=partition, offset=len(kept))
        kept.append(placed)
        return placed

    def accept(self, record: Record, *, partition: int = 0) -> Record:
        """Write to the applications topic."""
        return self.append(TOPICS.applications, record, partition=partition)

    def decide(self, record: Record, *, partition: int = 0) -> Record:
        """Write to the predictions topic."""
        return self.append(TOPICS.predictions, record, partition=partition)

    def bury(self, record: Record, *, partition: int = 0) -> Record:
        """Write to the dead-letter topic."""
        return self.append(TOPICS.dead_letters, record, partition=partition)


def feed(store: LaneStore, batches: Iterable[Mapping[LogPartition, Sequence[Record]]]) -> None:
    """Store batches as the follower does, each in a transaction of its own."""
    for batch in batches:
        progress = store.begin(dict.fromkeys(batch, 0))
        fetched = take_apart(batch, progress, TOPICS)
        if fetched.moves:
            store.write(fetched.facts, fetched.moves)


def fetches(log: MemoryLog, order: Sequence[LogPartition]) -> list[dict[LogPartition, list[Record]]]:
    """Fetches of one record each, from the partitions in `order`: any interleaving there can be."""
    positions = dict.fromkeys(log.records, 0)
    batches: list[dict[LogPartition, list[Record]]] = []
    for place in order:
        batches.append({place: [log.records[place][positions[place]]]})
        positions[place] += 1
    return batches


def progress_from(start: Mapping[LogPartition, int]) -> dict[LogPartition, Progress]:
    """Progress that begins at these offsets."""
    return {place: Progress(offset, offset) for place, offset in start.items()}


def document(record: Record) -> bytes:
    """The decision's bytes inside a prediction."""
    fields: dict[str, Any] = msgspec.json.decode(record.value or b"", type=dict[str, msgspec.Raw])
    return bytes(fields["decision"])
