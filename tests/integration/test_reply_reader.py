"""A gateway's reading of its reply partition, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from contracts import headers
from contracts.topics import REPLIES
from gateway.metrics import GatewayMetrics
from gateway.pending import PendingReplies, Reply
from gateway.replies import ReplyReader
from infra.kafka.topics import ensure_topics
from infra.runtime.kafka import KafkaConnection

pytestmark = pytest.mark.anyio

PARTITION = 3
Headers = list[tuple[str, bytes | None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Partition:
    """The reply partition as scorers and strangers write it."""

    producer: AIOKafkaProducer
    reading: asyncio.Task[None]
    pending: PendingReplies = field(default_factory=lambda: PendingReplies(max_in_flight=8, recent_max=8))

    async def write(self, value: bytes | None, *written: tuple[str, bytes | None]) -> None:
        await self.producer.send_and_wait(
            REPLIES.name, value, key=b"k", partition=PARTITION, headers=list(written)
        )

    async def answered(self, status: bytes = b"200") -> Reply:
        """The answer to a request that is made, replied to and heard."""
        correlation_id = uuid4().bytes
        with self.pending.waiting(
            self.pending.submission(str(uuid4()), "bank", "h"), correlation_id
        ) as reply:
            await self.write(b"document", (headers.CORRELATION_ID, correlation_id), (headers.STATUS, status))
            return await asyncio.wait_for(reply, 20)


@pytest.fixture
async def partition(kafka_bootstrap: str) -> AsyncIterator[Partition]:
    await ensure_topics(kafka_bootstrap, partitions=4, replication=1)
    pending = PendingReplies(max_in_flight=8, recent_max=8)
    reader = ReplyReader(KafkaConnection(bootstrap_servers=kafka_bootstrap), pending, GatewayMetrics())
    await reader.start(PARTITION)
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        reading = asyncio.create_task(reader.read())
        yield Partition(producer, reading, pending)
        reading.cancel()
    await reader.stop()


async def test_a_reply_is_heard_by_who_waits_for_it(partition: Partition) -> None:
    assert await partition.answered() == Reply(200, b"document")
    assert await partition.answered(b"422") == Reply(422, b"document")


async def test_a_record_that_is_no_reply_does_not_end_the_reading(partition: Partition) -> None:
    correlation = (headers.CORRELATION_ID, b"c" * 16)
    await partition.write(b"no headers")
    await partition.write(None, correlation)
    await partition.write(
        b"{}", (headers.CORRELATION_ID, None), (headers.APPLICATION_ID, None), (headers.STATUS, None)
    )
    await partition.write(b"{}", correlation, (headers.APPLICATION_ID, b"\xff"), (headers.STATUS, b"\xb2"))
    assert await partition.answered() == Reply(200, b"document")
    assert not partition.reading.done()


@pytest.mark.parametrize("status", [b"", b"0", b"99", b"700", b"99999", b"-200", b"2e2"])
async def test_a_status_that_http_does_not_have_is_never_passed_on(
    partition: Partition, status: bytes
) -> None:
    correlation_id = uuid4().bytes
    with partition.pending.waiting(partition.pending.submission("a", "bank", "h"), correlation_id) as reply:
        await partition.write(b"{}", (headers.CORRELATION_ID, correlation_id), (headers.STATUS, status))
        await partition.answered()
        assert not reply.done()
