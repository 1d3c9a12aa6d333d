"""A real archive on a real broker: killed, overtaken by retention, stopped, compacted while it runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from tests.archive_process import ArchiveProcess, kill_now_and_then, offsets_held, produce_predictions
from tests.conftest import FreshTopic
from tests.e2e.processes import wait_until
from training.archive.compact import compact

PARTITIONS = 2


@pytest.fixture
def topics(fresh_topic: FreshTopic) -> tuple[str, str, str]:
    return fresh_topic(PARTITIONS), fresh_topic(), fresh_topic()


def everything_once(process: ArchiveProcess, topic: str, count: int) -> None:
    wait_until(lambda: process.archived(topic) >= count, why=f"{count} archived: {process.log()[-2000:]}")
    expected = {partition: Counter(range(count // PARTITIONS)) for partition in range(PARTITIONS)}
    assert offsets_held(process.store, topic) == expected


def test_each_offset_is_in_one_file_however_often_the_archive_is_killed(
    kafka_bootstrap: str, topics: tuple[str, str, str], tmp_path: Path
) -> None:
    count = 12_000
    process = ArchiveProcess(kafka_bootstrap, tmp_path, topics, ARCHIVE_FETCH_MAX_RECORDS="50")
    asyncio.run(produce_predictions(kafka_bootstrap, topics[0], PARTITIONS, count // 2))
    try:
        kill_now_and_then(process, kills=3, seed=1, longest_s=3.0)
        asyncio.run(produce_predictions(kafka_bootstrap, topics[0], PARTITIONS, count // 2))
        everything_once(process, topics[0], count)
        assert process.terminate() == 0
    finally:
        process.kill()


def test_what_waits_is_written_before_the_archive_ends(
    kafka_bootstrap: str, topics: tuple[str, str, str], tmp_path: Path
) -> None:
    process = ArchiveProcess(kafka_bootstrap, tmp_path, topics, ARCHIVE_FLUSH_S="3600")
    try:
        process.start()
        asyncio.run(produce_predictions(kafka_bootstrap, topics[0], PARTITIONS, 100))
        wait_until(lambda: waiting_s(process) > 0, why="records wait")
        assert process.archived(topics[0]) == 0
        assert process.terminate() == 0
        everything_once(process, topics[0], 100)
    finally:
        process.kill()


def test_records_that_retention_removed_are_a_gap_in_file_metric_and_command(
    kafka_bootstrap: str, topics: tuple[str, str, str], tmp_path: Path
) -> None:
    process = ArchiveProcess(kafka_bootstrap, tmp_path, topics)
    try:
        process.start()
        asyncio.run(produce_predictions(kafka_bootstrap, topics[0], PARTITIONS, 20))
        wait_until(lambda: process.archived(topics[0]) == 20, why="archived")
        process.terminate()
        asyncio.run(produce_predictions(kafka_bootstrap, topics[0], PARTITIONS, 20))
        asyncio.run(remove_before(kafka_bootstrap, TopicPartition(topics[0], 1), 15))
        process.start()
        wait_until(lambda: process.archived(topics[0]) == 35, why="the rest is archived")
        (gap,) = process.store.gaps()
        assert (gap.place.partition, gap.first, gap.last) == (1, 10, 14)
        assert f'missed_records{{topic="{topics[0]}"}} 5.0' in metrics(process)
    finally:
        process.kill()


def test_compaction_beside_the_running_archive_changes_no_row(
    kafka_bootstrap: str, topics: tuple[str, str, str], tmp_path: Path
) -> None:
    count = 4_000
    process = ArchiveProcess(kafka_bootstrap, tmp_path, topics, ARCHIVE_FETCH_MAX_RECORDS="100")
    later = 10**13
    try:
        process.start()
        for _ in range(4):
            asyncio.run(produce_predictions(kafka_bootstrap, topics[0], PARTITIONS, count // 4))
            compact(process.store, topics, now_ms=later)
        wait_until(lambda: process.archived(topics[0]) == count, why="archived")
        done = compact(process.store, topics, now_ms=later)
        everything_once(process, topics[0], count)
        assert done.into <= PARTITIONS
    finally:
        process.kill()


async def remove_before(bootstrap_servers: str, place: TopicPartition, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


def metrics(process: ArchiveProcess) -> str:
    return httpx.get(f"{process.url}/metrics", timeout=5).text


def waiting_s(process: ArchiveProcess) -> float:
    lines = metrics(process).splitlines()
    name = "scorestream_archive_oldest_waiting_seconds "
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))
