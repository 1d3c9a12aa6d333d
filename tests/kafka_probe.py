"""What a broker lets a principal do, asked in Kafka's own requests: one answer per topic or group.

A client library would retry, wait for metadata or hide the code; the broker's word is wanted here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import JoinGroupRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from contracts.topics import TOPICS
from infra.runtime.kafka import KafkaConnection

_BYTES: Final = 1024


class Probe:
    """A connected principal."""

    def __init__(self, client: AIOKafkaClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def written(self) -> set[str]:
        """Topics whose partition 0 took a record: one of nobody, without a value."""
        batch = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, _BYTES)
        batch.append(0, 0, b"probe", None, [])
        value = bytes(batch.build())
        answer = self._ask(ProduceRequest(None, -1, 5_000, [(topic.name, [(0, value)]) for topic in TOPICS]))
        return _without(
            {topic: part[1] for topic, (part, *_) in answer.topics}, TopicAuthorizationFailedError
        )

    def read(self) -> set[str]:
        """Topics whose partition 0 was read from its beginning."""
        wanted = [(topic.name, [(0, 0, _BYTES)]) for topic in TOPICS]
        answer = self._ask(FetchRequest(0, 0, _BYTES, 0, wanted))
        return _without(
            {topic: part[1] for topic, (part, *_) in answer.topics}, TopicAuthorizationFailedError
        )

    def joined(self, group: str) -> bool:
        """Whether the group takes the principal as a member, or would once it has a member id."""
        request = JoinGroupRequest(group, 6_000, 6_000, "", None, "consumer", [("range", b"")])
        return bool(self._ask(request).error_code != GroupAuthorizationFailedError.errno)

    def _ask(self, request: Any) -> Any:
        return self._runner.run(self._client.send(self._client.get_random_node(), request))


@contextmanager
def asking(connection: KafkaConnection) -> Iterator[Probe]:
    """A probe while the block lasts; the broker has one node."""
    with asyncio.Runner() as runner:

        async def connected() -> AIOKafkaClient:
            client = AIOKafkaClient(**connection.client_options())
            await client.bootstrap()
            return client

        client = runner.run(connected())
        try:
            yield Probe(client, runner)
        finally:
            runner.run(client.close())


def _without(codes: dict[str, int], refusal: type[Exception]) -> set[str]:
    """Those that were not refused; any other error is one of the test."""
    refused = {name for name, code in codes.items() if code == refusal.errno}  # type: ignore[attr-defined]
    assert all(code == 0 for name, code in codes.items() if name not in refused), codes
    return codes.keys() - refused
