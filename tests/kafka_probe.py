"""What a broker lets a principal do, asked in Kafka's own requests: one answer per topic or group.

A client library would retry, wait for metadata or hide the code; the broker's word is wanted here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InvalidPartitionsError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.admin import (
    AlterConfigsRequest,
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DeleteTopicsRequest,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import JoinGroupRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from contracts.topics import TOPICS
from infra.runtime.kafka import KafkaConnection

_BYTES: Final = 1024
#: Kafka's number for a topic among the things that have settings.
_TOPIC: Final = 2


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

    def created(self) -> set[str]:
        """Topics that could be made, were they not there already."""
        wanted: list[Any] = [(topic.name, 1, 1, [], []) for topic in TOPICS]
        answer = self._ask(CreateTopicsRequest(wanted, 5_000, validate_only=True))
        codes = {error[0]: error[1] for error in answer.topic_errors}
        return _without(codes, TopicAuthorizationFailedError, meant=TopicAlreadyExistsError)

    def configured(self) -> set[str]:
        """Topics whose settings could be changed; nothing is."""
        wanted: list[Any] = [(_TOPIC, topic.name, []) for topic in TOPICS]
        answer = self._ask(AlterConfigsRequest(wanted, validate_only=True))
        codes = {name: code for code, _, _, name in answer.resources}
        return _without(codes, TopicAuthorizationFailedError)

    def widened(self) -> set[str]:
        """Topics that could be given more partitions; one, which is asked for, is none more."""
        wanted = [(topic.name, (1, None)) for topic in TOPICS]
        answer = self._ask(CreatePartitionsRequest(wanted, 5_000, True))
        codes = {error[0]: error[1] for error in answer.topic_errors}
        return _without(codes, TopicAuthorizationFailedError, meant=InvalidPartitionsError)

    def deleted(self) -> set[str]:
        """Topics that are gone now."""
        answer = self._ask(DeleteTopicsRequest([topic.name for topic in TOPICS], 5_000))
        return _without(dict(answer.topic_error_codes), TopicAuthorizationFailedError)

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


def _without(
    codes: dict[str, int], refusal: type[KafkaError], *, meant: type[KafkaError] = NoError
) -> set[str]:
    """Those that were not refused but answered as `meant`; any other error is one of the test."""
    assert set(codes.values()) <= {refusal.errno, meant.errno, NoError.errno}, codes
    return {name for name, code in codes.items() if code != refusal.errno}
