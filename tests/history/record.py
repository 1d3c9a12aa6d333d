"""What the log says about each application: the first prediction of an id in its partition decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contracts import headers
from contracts.errors import DeadLetterReason
from contracts.events import decode_decision, decode_scored
from scorer.intake import Accepted, Rejected, take_in
from scorer.records import InputRecord
from tests.history.events import History, LogRecord

#: Identity of an application within a lane. Producers may use one id in two partitions: then it is two.
Identity = tuple[int, str]
REPLY_TOPICS = frozenset({"replies"})
MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class DecisionOfRecord:
    """A prediction: where it is, what was decided, on which bytes, by which model."""

    offset: int
    document: bytes
    request_hash: str
    version: str
    model_digest: str
    applicant: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter's own words; None where it does not say."""

    application_id: str
    reason: str | None
    detail: str | None
    source: tuple[int, int] | None
    attempts: int
    value: bytes | None


class Record:
    """The log of one lane, read."""

    def __init__(self, history: History) -> None:
        self.inputs: dict[tuple[int, int], Accepted | Rejected] = {
            (one.partition, one.offset): taken(one) for one in history.topic(history.applications)
        }
        self.accepted: dict[Identity, list[Accepted | Rejected]] = {}
        for (partition, _), finding in self.inputs.items():
            self.accepted.setdefault((partition, finding.application_id), []).append(finding)
        self.predictions: dict[Identity, list[DecisionOfRecord]] = {}
        for one in history.topic(history.predictions):
            self._predicted(one)
        self.letters: list[DeadLetter] = []
        #: Where the first dead letter is: of an application, and of an input by partition and offset.
        self.dead: dict[Identity, int] = {}
        self.buried: dict[tuple[int, int], int] = {}
        for one in history.topic("applications-dlq"):
            self._dead_lettered(one)

    def decision(self, identity: Identity) -> DecisionOfRecord | None:
        """The decision of record."""
        found = self.predictions.get(identity)
        return found[0] if found else None

    def decisions(self, application_id: str) -> Iterable[DecisionOfRecord]:
        """The decisions of record that the id has, one for each partition."""
        return [found[0] for (_, known), found in self.predictions.items() if known == application_id]

    def _predicted(self, record: LogRecord) -> None:
        scored = decode_scored(record.value or b"")
        document = decode_decision(bytes(scored.decision))
        self.predictions.setdefault((record.partition, scored.application_id), []).append(
            DecisionOfRecord(
                record.offset,
                bytes(scored.decision),
                scored.request_hash,
                document.model.version,
                scored.model_digest,
                document.applicant_id,
            )
        )

    def _dead_lettered(self, record: LogRecord) -> None:
        letter = _letter(record)
        self.letters.append(letter)
        if letter.source is not None:
            self.dead.setdefault((letter.source[0], letter.application_id), record.offset)
            self.buried.setdefault(letter.source, record.offset)


def taken(record: LogRecord) -> Accepted | Rejected:
    """What the scorer's intake has to make of an input."""
    present = {name: value for name, value in record.headers if value is not None}
    return take_in(
        InputRecord(
            record.topic,
            record.partition,
            record.offset,
            record.key,
            record.value,
            present,
            record.timestamp_ms,
        ),
        reply_topics=REPLY_TOPICS,
        max_value_bytes=MAX_BYTES,
    )


def _letter(record: LogRecord) -> DeadLetter:
    said = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    partition, offset = said.get(headers.DLQ_SOURCE_PARTITION, ""), said.get(headers.DLQ_SOURCE_OFFSET, "")
    reason = said.get(headers.DLQ_REASON)
    attempts = said.get(headers.DLQ_ATTEMPTS, "")
    return DeadLetter(
        said.get(headers.APPLICATION_ID, ""),
        reason if reason in set(DeadLetterReason) else None,
        said.get(headers.DLQ_DETAIL) or None,
        (int(partition), int(offset)) if partition.isdigit() and offset.isdigit() else None,
        int(attempts) if attempts.isdigit() else 0,
        record.value,
    )
