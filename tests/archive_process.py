"""A real archive process on topics of its own, killed at will, and what its files then hold."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from pathlib import Path

from aiokafka import AIOKafkaProducer

from tests.archived import GOLDEN, tables
from tests.e2e.processes import Process, wait_until
from training.archive.files import pieces
from training.archive.store import ArchiveStore

_BATCH = 500
_GOLDEN_ID = b"0192f6c4-7c7e-7b6e-8f54-2f6a4a0c1d10"


class ArchiveProcess(Process):
    """`scorestream archive` on a store; `topics` are predictions, predictions-batch and outcomes."""

    def __init__(
        self, bootstrap_servers: str, folder: Path, topics: tuple[str, str, str], **settings: str
    ) -> None:
        self.store_uri = str(folder / "archive")
        predictions, batch, outcomes = topics
        super().__init__(
            ["archive"],
            environment={
                "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
                "ARCHIVE_STORE": self.store_uri,
                "ARCHIVE_PREDICTIONS_TOPIC": predictions,
                "ARCHIVE_PREDICTIONS_BATCH_TOPIC": batch,
                "ARCHIVE_OUTCOMES_TOPIC": outcomes,
                "ARCHIVE_RUN_DIR": str(folder / "workers"),
                "ARCHIVE_FLUSH_S": "0.2",
                **settings,
            },
            log_file=folder / "archive.log",
        )

    @property
    def store(self) -> ArchiveStore:
        """Where it writes."""
        return ArchiveStore(self.store_uri)

    def archived(self, topic: str) -> int:
        """How many offsets its files answer for, overlaps counted once."""
        return sum(one.file.last - one.from_offset + 1 for one in pieces(self.store.files(topic)))


async def produce_predictions(bootstrap_servers: str, topic: str, partitions: int, count: int) -> None:
    """So many predictions, spread over the partitions, each of an application of its own."""
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, enable_idempotence=True, compression_type="zstd",
        max_batch_size=1_000_000, linger_ms=5,
    ) as producer:  # fmt: skip
        sent = []
        for number in range(count):
            application_id = b"0192f6c4-7c7e-7b6e-8f54-%012d" % number
            value = GOLDEN.replace(_GOLDEN_ID, application_id)
            key = b"%d" % (500_000 + number)
            sent.append(await producer.send(topic, value, key=key, partition=number % partitions))
            if len(sent) >= _BATCH * partitions:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)


def kill_now_and_then(process: ArchiveProcess, *, kills: int, seed: int, longest_s: float) -> None:
    """kill -9 at random moments after each start; the last start is left running."""
    chance = random.Random(seed)
    for _ in range(kills):
        process.start(is_waiting=False)
        until = time.monotonic() + chance.uniform(0.8, longest_s)
        wait_until(
            lambda until=until: time.monotonic() >= until,  # type: ignore[misc]
            timeout_s=longest_s + 5,
            why="a moment",
        )
        assert process.exit_status is None, process.log()[-2000:]
        process.signal(signal.SIGKILL)
        process.wait()
    process.start()


def offsets_held(store: ArchiveStore, topic: str) -> dict[int, Counter[int]]:
    """Per partition how often each offset is in a file, as any reader of the folder would find it."""
    held: dict[int, Counter[int]] = {}
    for table in tables(store, topic, ["partition", "offset"]):
        for partition, offset in zip(
            table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True
        ):
            held.setdefault(partition, Counter())[offset] += 1
    return held
