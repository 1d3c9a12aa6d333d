"""The dead letters as facts, and putting them back on their topic without a second decision."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord

from contracts import headers
from contracts.lanes import Lane
from contracts.topics import APPLICATIONS_DLQ
from infra.runtime.kafka import KafkaConnection
from infra.runtime.reading import log_reader

#: What the scorer added to the input's own headers; a redriven record has them no more.
_ADDED: Final = frozenset(
    {
        headers.DLQ_REASON,
        headers.DLQ_DETAIL,
        headers.DLQ_SOURCE_TOPIC,
        headers.DLQ_SOURCE_PARTITION,
        headers.DLQ_SOURCE_OFFSET,
        headers.DLQ_ATTEMPTS,
        headers.DLQ_FIRST_SEEN,
    }
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of the dead-letter topic."""

    partition: int
    offset: int
    at: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def place(self) -> str:
        """How the commands name it: partition@offset."""
        return f"{self.partition}@{self.offset}"

    def header(self, name: str) -> str:
        """A header as text; empty when it is not there."""
        return dict(self.headers).get(name, b"").decode(errors="replace")

    @property
    def application_id(self) -> str:
        """The application's id, which a redrive keeps."""
        return self.header(headers.APPLICATION_ID)

    @property
    def reason(self) -> str:
        """Why it is here."""
        return self.header(headers.DLQ_REASON)

    @property
    def lane(self) -> Lane | None:
        """The lane it came from, or None when its source is no topic of ours."""
        source = self.header(headers.DLQ_SOURCE_TOPIC)
        return next((lane for lane in Lane if lane.applications.name == source), None)


@dataclass(frozen=True, slots=True)
class Redrive:
    """What a redrive does, or would do, with each letter."""

    #: Go back on their topic, each application once.
    sent: tuple[DeadLetter, ...] = ()
    #: Have their decision already, or are copies of one that goes back.
    decided: tuple[DeadLetter, ...] = ()
    copies: tuple[DeadLetter, ...] = ()
    #: Hold a part of their input only, which was longer than a dead letter may be.
    cut: tuple[DeadLetter, ...] = ()
    #: Came from no topic of ours.
    foreign: tuple[DeadLetter, ...] = ()


#: Who an application is: its lane and its id.
Identity = tuple[Lane, str]


def plan_redrive(letters: Sequence[DeadLetter], decided: Collection[Identity]) -> Redrive:
    """Which of `letters` go back, given what has a decision. Pure."""
    chosen: dict[str, list[DeadLetter]] = {
        name: [] for name in ("sent", "decided", "copies", "cut", "foreign")
    }
    going: set[tuple[Identity, bytes | None]] = set()
    for letter in letters:
        lane = letter.lane
        if lane is None:
            chosen["foreign"].append(letter)
            continue
        identity = (lane, letter.application_id)
        if identity in decided:
            chosen["decided"].append(letter)
        elif letter.header(headers.DLQ_TRUNCATED_FROM_BYTES):
            chosen["cut"].append(letter)
        elif (identity, letter.value) in going:
            chosen["copies"].append(letter)
        else:
            going.add((identity, letter.value))
            chosen["sent"].append(letter)
    return Redrive(**{name: tuple(found) for name, found in chosen.items()})


async def dead_letters(connection: KafkaConnection, *, since_ms: int = 0) -> AsyncIterator[DeadLetter]:
    """The dead letters since a Unix time in milliseconds, in order within each partition."""
    async with log_reader(connection) as reader:
        partitions = await reader.partitions(APPLICATIONS_DLQ.name)
        starts = await (reader.at_time(partitions, since_ms) if since_ms else reader.starts(partitions))
        async for record in reader.records(starts, await reader.ends(partitions)):
            yield _dead_letter(record)


async def redrive(connection: KafkaConnection, letters: Sequence[DeadLetter], *, is_dry_run: bool) -> Redrive:
    """Put `letters` back on their topic and partition with their id; those decided since are left alone.

    Scorers that meet a copy of an application they decided lately answer it from the record, so
    two redrives at once are no harm either.
    """
    plan = plan_redrive(letters, await _decided(connection, letters))
    if plan.sent and not is_dry_run:
        async with AIOKafkaProducer(
            acks="all", enable_idempotence=True, **connection.client_options()
        ) as producer:
            for letter in plan.sent:
                await producer.send_and_wait(
                    letter.header(headers.DLQ_SOURCE_TOPIC),
                    key=letter.key,
                    value=letter.value,
                    headers=[(name, value) for name, value in letter.headers if name not in _ADDED],
                    partition=int(letter.header(headers.DLQ_SOURCE_PARTITION)),
                )
    return plan


async def _decided(connection: KafkaConnection, letters: Sequence[DeadLetter]) -> set[Identity]:
    """Those of `letters` that have a prediction; their partitions of the streams are read whole."""
    found: set[Identity] = set()
    async with log_reader(connection) as reader:
        for lane in Lane:
            wanted = {letter.application_id for letter in letters if letter.lane is lane}
            partitions = sorted({letter.partition for letter in letters if letter.lane is lane})
            stream = [TopicPartition(lane.predictions.name, partition) for partition in partitions]
            async for record in reader.records(await reader.starts(stream), await reader.ends(stream)):
                application_id = dict(record.headers).get(headers.APPLICATION_ID, b"").decode()
                if application_id in wanted:
                    found.add((lane, application_id))
    return found


def _dead_letter(record: ConsumerRecord) -> DeadLetter:
    return DeadLetter(
        partition=record.partition,
        offset=record.offset,
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
