"""Writing to Kafka: applications and outcomes. `ApplicationLog` is the seam."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from contracts.topics import APPLICATIONS, Topic
from gateway.errors import Starting
from infra.runtime.kafka import KafkaConnection


@dataclass(frozen=True, slots=True)
class LoggedSubmission:
    """What is written: the body untouched, keyed by the applicant."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class ApplicationLog(Protocol):
    """Where an application becomes accepted."""

    async def send(self, submission: LoggedSubmission) -> asyncio.Future[Any]:
        """Hand over; the future is done when the log has it for good, or says why not."""


class KafkaApplicationLog:
    """The `applications` topic, idempotent and acks=all.

    No linger: while one request to the broker is under way the next batch fills, so batches grow
    with the load and a lone application does not wait.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._options = {
            **connection.client_options(),
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": 0,
            "max_batch_size": 262_144,
            "request_timeout_ms": 10_000,
            "retry_backoff_ms": 100,
        }
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaConnectionError when no broker answers."""
        producer = AIOKafkaProducer(**self._options)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Flush and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def partitions_of(self, topic: str) -> set[int]:
        """Partition numbers of a topic; empty when there is none."""
        return set(await self._started().partitions_for(topic))

    async def send(self, submission: LoggedSubmission) -> asyncio.Future[Any]:
        """See ApplicationLog. Raises Starting before the first connection."""
        return await self.write(APPLICATIONS, submission)

    async def write(self, topic: Topic, submission: LoggedSubmission) -> asyncio.Future[Any]:
        """As `send`, to any topic whose key is the applicant."""
        producer = self._started()
        try:
            acknowledged: asyncio.Future[Any] = await producer.send(
                topic.name, value=submission.value, key=submission.key, headers=submission.headers
            )
        except KafkaError as error:
            # No room, no metadata, a producer beyond use: for the caller all are no acknowledgement.
            acknowledged = asyncio.get_running_loop().create_future()
            acknowledged.set_exception(error)
        return acknowledged

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise Starting("the gateway is not connected to the log yet; try again shortly")
        return self._producer
