"""From records that wait to files in the store, and where to go on: all but the reading of Kafka."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from contracts.topics import OUTCOMES
from training.archive.buffers import Buffers, Limits
from training.archive.files import Place, next_offsets
from training.archive.metrics import ArchiveMetrics
from training.archive.plan import runs
from training.archive.rows import LoggedRecord, outcome_rows, prediction_rows
from training.archive.store import ArchiveStore, Gap

log = structlog.get_logger()


class ArchiveWriter:
    """The buffers of one archive and the store that they go to."""

    def __init__(self, store: ArchiveStore, limits: Limits, *, outcomes_topic: str = OUTCOMES.name) -> None:
        self._store = store
        self._outcomes_topic = outcomes_topic
        self._buffers = Buffers(limits, now=time.monotonic)
        self._stored: dict[Place, int] = {}
        self.metrics = ArchiveMetrics(oldest_waiting_s=self._buffers.oldest_waiting_s)

    def recover(self, topics: tuple[str, ...]) -> None:
        """Learn from the store's names where each partition goes on. Raises StoreUnavailable."""
        self._stored = self._store.beginnings()
        for topic in topics:
            for place, offset in next_offsets(self._store.files(topic)).items():
                self._stored[place] = max(self._stored.get(place, 0), offset)
            self.metrics.begin(topic)
        for gap in sorted(self._store.gaps(), key=lambda one: one.found_at):
            self._stored[gap.place] = max(self._stored.get(gap.place, 0), gap.last + 1)
            self.metrics.note_gap(gap)
        log.info("found where to go on", partitions=len(self._stored))

    def begin(self, starts: Mapping[Place, int]) -> dict[Place, int]:
        """The next offset of each partition, given the first that the log has of it; gaps are recorded.

        A partition that the archive meets for the first time begins with the log, and that is written
        down: what it had before is no gap, what it loses from then on is one.
        """
        for place, start in starts.items():
            if place not in self._stored:
                self._store.write_beginning(place, start)
                self._stored[place] = start
            self._buffers.begin(place, self._stored[place])
        for place, start in starts.items():
            self.note_start(place, start)
        return {place: offset for place, offset in self._buffers.expected().items() if place in starts}

    def note_start(self, place: Place, start: int) -> None:
        """The log begins at `start` now: what is missing before it is a gap. Raises StoreUnavailable."""
        expected = self._buffers.buffer(place).expected
        if start <= expected:
            return
        self.flush(place)
        found_at = datetime.now(UTC).isoformat(timespec="seconds")
        gap = Gap(place, expected, start - 1, found_at)
        self._store.write_gap(gap)
        self._buffers.written(place, 0, start)
        self.metrics.note_gap(gap)
        log.error("retention removed records before they were archived", place=place, records=gap.records)

    def expected(self, place: Place) -> int:
        """The offset that the partition's next record should have."""
        return self._buffers.buffer(place).expected

    def add(self, place: Place, record: LoggedRecord) -> None:
        """Let the record wait for its file."""
        self._buffers.add(place, record)

    def flush_due(self) -> None:
        """Write what has waited enough. Raises StoreUnavailable; what is not written goes on waiting."""
        for place in self._buffers.due():
            self.flush(place)

    def flush_all(self) -> None:
        """Write everything that waits. Raises StoreUnavailable."""
        for place in self._buffers.waiting():
            self.flush(place)

    def flush(self, place: Place) -> None:
        """Write what waits of one partition. Raises StoreUnavailable."""
        buffer = self._buffers.buffer(place)
        planned = runs(place, buffer.next_offset, [(one.offset, one.timestamp_ms) for one in buffer.records])
        as_rows = outcome_rows if place.topic == self._outcomes_topic else prediction_rows
        for run in planned:
            count = run.stop - run.start
            with self.metrics.writing.time():
                rows = as_rows(place, buffer.records[:count])
                size = self._store.write(run.file, rows.table)
            self._buffers.written(place, count, run.file.last + 1)
            self.metrics.files.labels(place.topic).inc()
            self.metrics.bytes.labels(place.topic).inc(size)
            self.metrics.records.labels(place.topic).inc(count)
            self.metrics.unreadable.labels(place.topic).inc(rows.unreadable)

    def lag(self, ends: Mapping[Place, int]) -> dict[str, int]:
        """Records by topic that are in the log and in no file."""
        behind: dict[str, int] = {}
        for place, end in ends.items():
            stored = self._buffers.buffer(place).next_offset
            behind[place.topic] = behind.get(place.topic, 0) + max(0, end - stored)
        return behind
