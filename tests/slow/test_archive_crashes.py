"""kill -9 fifty times while a million predictions pass: every (topic, partition, offset) exactly once."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.archive_process import ArchiveProcess, kill_now_and_then, offsets_held, produce_predictions
from tests.conftest import FreshTopic
from tests.e2e.processes import wait_until
from training.archive.compact import compact

PREDICTIONS = 1_000_000
PARTITIONS = 4
KILLS = 50

pytestmark = pytest.mark.slow


def test_a_million_predictions_through_fifty_kills_are_each_in_one_file(
    kafka_bootstrap: str, fresh_topic: FreshTopic, tmp_path: Path
) -> None:
    topics = (fresh_topic(PARTITIONS), fresh_topic(), fresh_topic())
    process = ArchiveProcess(kafka_bootstrap, tmp_path, topics, ARCHIVE_FLUSH_S="1")
    producing = threading.Thread(
        target=lambda: asyncio.run(produce_predictions(kafka_bootstrap, topics[0], PARTITIONS, PREDICTIONS))
    )
    producing.start()
    try:
        kill_now_and_then(process, kills=KILLS, seed=7, longest_s=6.0)
        producing.join()
        wait_until(lambda: process.archived(topics[0]) >= PREDICTIONS, timeout_s=300, why="all archived")
        assert process.terminate() == 0
    finally:
        process.kill()
    expected = {partition: Counter(range(PREDICTIONS // PARTITIONS)) for partition in range(PARTITIONS)}
    assert offsets_held(process.store, topics[0]) == expected
    compact(process.store, topics, now_ms=10**13)
    assert offsets_held(process.store, topics[0]) == expected
