"""What the gauges show of the reports on a real broker."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from prometheus_client import CollectorRegistry

from contracts.events import DriftReported, encode
from contracts.topics import DRIFT_REPORTS
from infra.kafka.topics import ensure_topics
from infra.runtime.announcing import announce_record
from infra.runtime.kafka import KafkaConnection
from training.drift.gauges import DriftGauges

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def model() -> str:
    return f"model-{uuid.uuid4().hex}"


@pytest.fixture
async def connection(kafka_bootstrap: str) -> KafkaConnection:
    await ensure_topics(kafka_bootstrap, partitions=4, replication=1)
    return KafkaConnection(bootstrap_servers=kafka_bootstrap)


async def report(connection: KafkaConnection, model: str, *, day: int, applications: int) -> None:
    reported = DriftReported(
        model_name=model,
        model_version="1",
        verdict="no drift",
        since=f"2026-11-{day - 1:02}T00:00:00Z",
        until=f"2026-11-{day:02}T00:00:00Z",
        applications=applications,
        outcomes=0,
        share_drifted=0.0,
        reported_at="2026-11-28T00:00:00Z",
    )
    await announce_record(
        DRIFT_REPORTS.name, key=model, value=encode(reported), client_options=connection.client_options()
    )


async def shown(registry: CollectorRegistry, model: str, applications: int) -> None:
    """Return once the gauges show a report of so many applications."""
    while registry.get_sample_value("scorestream_drift_applications", {"model": model}) != applications:
        await asyncio.sleep(0.05)


async def test_an_archive_that_starts_after_an_old_day_was_looked_at_once_more_shows_the_newest_day(
    connection: KafkaConnection, model: str
) -> None:
    await report(connection, model, day=24, applications=2_400)
    await report(connection, model, day=10, applications=1_000)
    registry = CollectorRegistry()
    following = asyncio.create_task(DriftGauges(registry).follow(connection))
    try:
        await asyncio.wait_for(shown(registry, model, 2_400), 20)
        await report(connection, model, day=25, applications=2_500)
        await asyncio.wait_for(shown(registry, model, 2_500), 20)
    finally:
        following.cancel()
