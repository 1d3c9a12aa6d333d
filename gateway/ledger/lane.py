"""One lane as the ledger's HTTP process sees it: its tables, its writer, its freshness."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from contracts.lanes import Lane
from gateway.ledger.audit import Audit
from gateway.ledger.database import open_lane
from gateway.ledger.errors import StorageUnavailable
from gateway.ledger.freshness import Freshness
from gateway.ledger.log_ends import LogEnds
from gateway.ledger.metrics import LedgerMetrics
from gateway.ledger.progress import LogPartition, Progress
from gateway.ledger.reading import Counts, LaneReader
from gateway.ledger.rules import Status
from gateway.ledger.settings import LedgerSettings
from gateway.ledger.writers import LaneWriter

log = structlog.get_logger()
T = TypeVar("T")

_PARTITIONS_EVERY_S: Final = 10.0
_COUNT_EVERY_S: Final = 5.0
#: Counting takes at most this share of one connection's time, however large the tables are.
_COUNTING_SHARE: Final = 0.05


class LaneView:
    """Look-ups, freshness and counts of one lane."""

    def __init__(
        self, lane: Lane, settings: LedgerSettings, metrics: LedgerMetrics, threads: ThreadPoolExecutor
    ) -> None:
        self.lane = lane
        self.topics = settings.topics(lane)
        self.writer = LaneWriter(lane, settings, metrics)
        self.reader = LaneReader(open_lane(settings.database_url, lane), self.topics)
        self.freshness = Freshness(self._take_ends, self.progress, self.writer)
        self.counts: Counts | None = None
        self._metrics = metrics
        self._threads = threads
        self._ends = LogEnds(settings.kafka)
        self._audit = Audit(lane, self.topics, settings.kafka, metrics)
        self._is_connected = False
        self._partitions: list[LogPartition] = []
        self._partitions_at = 0.0

    async def read(self, query: Callable[[LaneReader], T]) -> T:
        """The answer of a blocking query. Raises StorageUnavailable."""
        started = time.perf_counter()
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, query, self.reader)
        self._metrics.looking_up.observe(time.perf_counter() - started)
        return answer

    async def progress(self) -> Mapping[LogPartition, Progress]:
        """How far the log is in the tables."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.reader.progress)

    async def passed(self, since: float, *, wait_s: float) -> None:
        """Return once the tables hold all that was in the lane's topics at `since`; else Behind."""
        await self.freshness.passed(since, wait_s=wait_s)

    def wrong(self) -> str:
        """What keeps this lane from being up to date; empty when nothing does."""
        if self.writer.report.wrong:
            return self.writer.report.wrong
        if self.freshness.wrong:
            return self.freshness.wrong
        return "" if self.freshness.lag_s is not None else "catching up with the log"

    async def run(self) -> None:
        """Write, follow the freshness and count until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.writer.run())
            tasks.create_task(self.freshness.keep_up())
            tasks.create_task(self._count())
            tasks.create_task(self._audit.run(self.progress, self._missing))

    async def stop(self) -> None:
        """Disconnect."""
        await self._ends.stop()
        self.reader.close()

    async def _missing(self, ids: Collection[str]) -> Collection[str]:
        return await self.read(lambda reader: reader.missing(ids))

    async def _take_ends(self) -> Mapping[LogPartition, int]:
        if not self._is_connected:
            await self._ends.start()
            self._is_connected = True
        if not self._partitions or time.monotonic() - self._partitions_at > _PARTITIONS_EVERY_S:
            self._partitions = await self._ends.partitions(self.topics.names)
            self._partitions_at = time.monotonic()
        return await self._ends.ends(self._partitions)

    async def _count(self) -> None:
        while True:
            started = time.monotonic()
            try:
                self.counts = await self.read(lambda reader: reader.counts(_now_ms()))
                self._show(self.counts)
            except StorageUnavailable as error:
                log.warning("the lane can't be counted", lane=self.lane.value, why=str(error))
            took_s = time.monotonic() - started
            await asyncio.sleep(max(_COUNT_EVERY_S, took_s / _COUNTING_SHARE))

    def _show(self, counts: Counts) -> None:
        lane, metrics = self.lane.value, self._metrics
        by_status = {
            Status.ACCEPTED: counts.pending,
            Status.DECIDED: counts.decided,
            Status.DEAD: counts.dead,
        }
        for status, rows in by_status.items():
            metrics.rows.labels(lane, status.value).set(rows)
        metrics.logged.labels(lane).set(counts.logged)
        metrics.recorded.labels(lane).set(counts.recorded)
        metrics.difference.labels(lane).set(counts.difference)
        metrics.orphans.labels(lane).set(counts.orphans)
        metrics.overdue.labels(lane).set(counts.pending_over_60_s)
        oldest = counts.oldest_pending_ms
        metrics.oldest_pending.labels(lane).set(0 if oldest is None else max(0, _now_ms() - oldest) / 1000)
        metrics.counted.labels(lane).set(time.time())
        if counts.difference or counts.orphans:
            log.error(
                "conservation is broken", lane=lane, difference=counts.difference, orphans=counts.orphans
            )


def wrong_with(lanes: Mapping[Lane, LaneView]) -> dict[str, str]:
    """What keeps each lane from being up to date, by lane; empty when all are."""
    return {lane.value: wrong for lane, view in lanes.items() if (wrong := view.wrong())}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
