"""The logs that unit tests use keep the same rules as Kafka's (tests/integration has those)."""

from __future__ import annotations

import pytest

from contracts import headers
from gateway.log import LoggedSubmission
from scorer.records import OutputRecord
from tests.fake_logs import FakeApplicationLog, FakeRecordLog
from tests.log_rules import PARTITIONS, ApplicationLogRules, RecordLogRules

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class InMemory:
    topic = "predictions"

    def __init__(self) -> None:
        self.log = FakeRecordLog({self.topic: PARTITIONS})

    async def records(self, partition: int) -> list[OutputRecord]:
        return self.log.written[self.topic, partition]


class ApplicationsInMemory:
    def __init__(self) -> None:
        self.log = FakeApplicationLog(partitions=PARTITIONS)

    async def submitted(self, application_ids: list[str]) -> dict[str, tuple[int, LoggedSubmission]]:
        return {
            dict(one.headers)[headers.APPLICATION_ID].decode(): (partition, one)
            for partition, batch in self.log.written.items()
            for one in batch
        }


class TestFakeRecordLog(RecordLogRules):
    @pytest.fixture
    def place(self) -> InMemory:
        return InMemory()


class TestFakeApplicationLog(ApplicationLogRules):
    @pytest.fixture
    def place(self) -> ApplicationsInMemory:
        return ApplicationsInMemory()
