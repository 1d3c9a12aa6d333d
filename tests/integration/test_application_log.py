"""The gateway's log on a real broker: the rules that the fake passes too, and what only Kafka has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from contracts import headers
from contracts.topics import APPLICATIONS
from gateway.errors import Starting
from gateway.log import KafkaApplicationLog, LoggedSubmission
from infra.kafka.topics import ensure_topics
from infra.runtime.kafka import KafkaConnection
from tests.integration.kafka_reading import ends, read
from tests.log_rules import PARTITIONS, ApplicationLogRules, submission

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class OnKafka:
    """The topic is everybody's: only what comes after `since` is looked at, and only one's own."""

    def __init__(self, log: KafkaApplicationLog, bootstrap_servers: str, since: dict[int, int]) -> None:
        self.log = log
        self._bootstrap_servers = bootstrap_servers
        self._since = since

    async def submitted(self, application_ids: list[str]) -> dict[str, tuple[int, LoggedSubmission]]:
        found: dict[str, tuple[int, LoggedSubmission]] = {}
        for partition, since in self._since.items():
            for one in await read(self._bootstrap_servers, APPLICATIONS.name, partition, since=since):
                application_id = dict(one.headers)[headers.APPLICATION_ID].decode()
                found[application_id] = (partition, LoggedSubmission(one.key, one.value, list(one.headers)))
        return {application_id: found[application_id] for application_id in application_ids}


@pytest.fixture
async def place(kafka_bootstrap: str) -> AsyncIterator[OnKafka]:
    await ensure_topics(kafka_bootstrap, partitions=PARTITIONS, replication=1)
    log = KafkaApplicationLog(KafkaConnection(bootstrap_servers=kafka_bootstrap))
    await log.start()
    yield OnKafka(log, kafka_bootstrap, await ends(kafka_bootstrap, APPLICATIONS.name, PARTITIONS))
    await log.stop()


class TestKafkaApplicationLog(ApplicationLogRules):
    pass


async def test_before_it_is_started_and_after_it_was_stopped_it_takes_nothing(kafka_bootstrap: str) -> None:
    log = KafkaApplicationLog(KafkaConnection(bootstrap_servers=kafka_bootstrap))
    _, sent = submission(1)
    with pytest.raises(Starting):
        await log.send(sent)
    await log.start()
    await log.stop()
    with pytest.raises(Starting):
        await log.send(sent)
    await log.stop()


async def test_what_the_client_refuses_to_send_is_a_failed_acknowledgement_not_an_error_of_its_own(
    place: OnKafka,
) -> None:
    _, sent = submission(1, b"x" * 2_000_000)
    acknowledged: Any = await place.log.send(sent)
    with pytest.raises(KafkaError):
        await acknowledged


async def test_the_topics_partitions_are_known(place: OnKafka) -> None:
    assert await place.log.partitions_of(APPLICATIONS.name) == set(range(PARTITIONS))
