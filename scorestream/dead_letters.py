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
    """What a redrive does, or would do: `sent` go back, `decided` have their decision already."""

    sent: tuple[DeadLetter, ...]
    decided: tuple[DeadLetter, ...]


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
    known = [letter for letter in letters if letter.lane is not None]
    decided_ids = await _decided(connection, known)
    to_send = tuple(letter for letter in known if letter.application_id not in decided_ids)
    decided = tuple(letter for letter in known if letter.application_id in decided_ids)
    if to_send and not is_dry_run:
        async with AIOKafkaProducer(
            acks="all", enable_idempotence=True, **connection.client_options()
        ) as producer:
            for letter in to_send:
                await producer.send_and_wait(
                    letter.header(headers.DLQ_SOURCE_TOPIC),
                    key=letter.key,
                    value=letter.value,
                    headers=[(name, value) for name, value in letter.headers if name not in _ADDED],
                    partition=int(letter.header(headers.DLQ_SOURCE_PARTITION)),
                )
    return Redrive(to_send, decided)


async def _decided(connection: KafkaConnection, letters: Collection[DeadLetter]) -> set[str]:
    """Ids of `letters` that have a prediction; their partitions of the prediction streams are read whole."""
    wanted = {letter.application_id for letter in letters}
    found: set[str] = set()
    async with log_reader(connection) as reader:
        partitions = sorted(
            {
                TopicPartition(letter.lane.predictions.name, letter.partition)
                for letter in letters
                if letter.lane is not None
            }
        )
        starts, ends = await reader.starts(partitions), await reader.ends(partitions)
        async for record in reader.records(starts, ends):
            application_id = dict(record.headers).get(headers.APPLICATION_ID, b"").decode()
            if application_id in wanted:
                found.add(application_id)
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
