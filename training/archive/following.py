"""Reads the log into the archive, for ever. Whatever fails is waited for and said; nothing is skipped."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from infra.runtime.reading import LogReader, log_reader
from training.archive.errors import LogShrunk, LogUnavailable, Unavailable
from training.archive.files import Place
from training.archive.rows import LoggedRecord
from training.archive.settings import ArchiveSettings
from training.archive.writing import ArchiveWriter

log = structlog.get_logger()

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
_LAG_EVERY_S: Final = 5.0


class Following:
    """The archive's work; `wrong` is empty while it goes on."""

    def __init__(self, settings: ArchiveSettings, writer: ArchiveWriter) -> None:
        self.wrong = "starting"
        self._settings = settings
        self._writer = writer
        self._is_recovered = False
        self._is_stopping = asyncio.Event()
        self._lag_at = 0.0

    def stop(self) -> None:
        """Have `run` write what waits and end."""
        self._is_stopping.set()

    async def run(self) -> None:
        """Follow until `stop`. Raises Rejected when a person must look."""
        pause_s = _FIRST_PAUSE_S
        while not self._is_stopping.is_set():
            try:
                await self._session()
                pause_s = _FIRST_PAUSE_S
                continue
            except (Unavailable, KafkaError) as error:
                self._say(f"{type(error).__name__}: {error}")
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        await asyncio.to_thread(self._writer.flush_all)

    async def _session(self) -> None:
        """Follow all partitions that there are now, until it is time to look for new ones."""
        if not self._is_recovered:
            await asyncio.to_thread(self._writer.recover, self._settings.topics)
            self._is_recovered = True
        async with log_reader(self._settings.kafka) as reader:
            while not self._is_stopping.is_set():
                await self._follow(reader, await self._begin(reader))

    async def _begin(self, reader: LogReader) -> dict[TopicPartition, int]:
        partitions: list[TopicPartition] = []
        for topic in self._settings.topics:
            found = await reader.partitions(topic)
            if not found:
                raise LogUnavailable(f"there is no topic {topic} yet; make it: scorestream topics ensure")
            partitions += found
        starts, ends = await reader.starts(partitions), await reader.ends(partitions)
        begun = await asyncio.to_thread(self._writer.begin, {_place(tp): starts[tp] for tp in partitions})
        offsets = {tp: begun[_place(tp)] for tp in partitions}
        for tp, offset in offsets.items():
            if offset > ends[tp]:
                raise LogShrunk(
                    f"{tp.topic}/{tp.partition} ends at {ends[tp]}, but {offset} records of it are archived;"
                    " if the topic was made anew, move its folder in the archive away"
                )
        return offsets

    async def _follow(self, reader: LogReader, offsets: dict[TopicPartition, int]) -> None:
        until = time.monotonic() + self._settings.look_again_s
        following = reader.follow(offsets, max_records=self._settings.fetch_max_records)
        async with aclosing(following) as batches:
            async for records in batches:
                for record in records:
                    await self._take(reader, record)
                await asyncio.to_thread(self._writer.flush_due)
                self._say("")
                await self._measure_lag(reader, list(offsets))
                if self._is_stopping.is_set() or time.monotonic() > until:
                    return
                if 0 < len(records) < self._settings.fetch_max_records:
                    # A fetch a record would cost the broker and this process more than all that scoring does.
                    await self._pause(self._settings.gather_ms / 1000)

    async def _take(self, reader: LogReader, record: ConsumerRecord) -> None:
        tp = TopicPartition(record.topic, record.partition)
        place = _place(tp)
        if record.offset > self._writer.expected(place):
            # Retention, or an offset that never had a record: the log's beginning tells.
            start = min((await reader.starts([tp]))[tp], record.offset)
            await asyncio.to_thread(self._writer.note_start, place, start)
        headers = {name: value for name, value in record.headers if value is not None}
        self._writer.add(place, LoggedRecord(record.offset, record.timestamp, record.value or b"", headers))

    async def _measure_lag(self, reader: LogReader, partitions: list[TopicPartition]) -> None:
        if time.monotonic() - self._lag_at < _LAG_EVERY_S:
            return
        self._lag_at = time.monotonic()
        ends = await reader.ends(partitions)
        for topic, records in self._writer.lag({_place(tp): end for tp, end in ends.items()}).items():
            self._writer.metrics.lag.labels(topic).set(records)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._is_stopping.wait(), seconds)
        except TimeoutError:
            return

    def _say(self, wrong: str) -> None:
        self._writer.metrics.following.set(0 if wrong else 1)
        if wrong != self.wrong:
            log.warning("not archiving", why=wrong) if wrong else log.info("archiving")
            self.wrong = wrong


def _place(tp: TopicPartition) -> Place:
    return Place(tp.topic, tp.partition)
