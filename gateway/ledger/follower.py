"""Follows a lane's topics into its tables, from the offsets that the tables hold. No group.

Whatever fails is waited for and said in `state`: a fetch that can't be stored is kept and tried
again, and nothing more is fetched meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from gateway.ledger.errors import LogShrunk, LogUnavailable, StorageUnavailable, Superseded, Unavailable
from gateway.ledger.fetch import Fetched, take_apart
from gateway.ledger.log_ends import LogEnds
from gateway.ledger.progress import LogPartition, Progress
from gateway.ledger.store import LaneStore
from gateway.ledger.topics import LaneTopics
from infra.runtime.kafka import KafkaConnection

log = structlog.get_logger()
T = TypeVar("T")

_POLL_MS: Final = 500
#: While the broker holds back a fetch, partitions that are not in it wait, and so do look-ups of new keys.
_FETCH_WAIT_MS: Final = 50
_LOOK_FOR_PARTITIONS_EVERY_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
#: Look-ups of new keys wait for what is being stored, half a second at most.
_LONG_S: Final = 0.4


@dataclass(slots=True)
class FollowerState:
    """How the follower does; `wrong` is empty while it follows."""

    wrong: str = "starting"
    records: int = 0
    unreadable: int = 0
    missed: int = 0


class Follower:
    """One lane's topics → one lane's tables; after a small transaction it waits `gather_s` for company."""

    def __init__(
        self,
        topics: LaneTopics,
        connection: KafkaConnection,
        store: LaneStore,
        *,
        fetch_max_records: int,
        gather_s: float = 0.0,
    ) -> None:
        self.state = FollowerState()
        self._topics = topics
        self._connection = connection
        self._store = store
        self._fetch_max_records = fetch_max_records
        self._gather_s = gather_s
        self._ends = LogEnds(connection)
        self._consumer: AIOKafkaConsumer | None = None
        self._progress: dict[LogPartition, Progress] = {}
        self._looked_at = 0.0
        self._hurried = asyncio.Event()
        self._stepped = asyncio.Event()

    def hurry(self) -> None:
        """Somebody waits for what the log has now: let nothing more come together before the next fetch."""
        self._hurried.set()

    async def stepped(self, wait_s: float) -> None:
        """Return after the next transaction, or after `wait_s`."""
        await _until_set(self._stepped, wait_s)
        self._stepped.clear()

    async def follow(self) -> None:
        """Follow until cancelled; what is being stored then is stored to the end."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._step()
                pause_s = _FIRST_PAUSE_S
                continue
            except Superseded as error:
                log.warning("another writer moved the offsets; going on from them", error=str(error))
                self._looked_at = 0.0
                continue
            except Unavailable as error:
                self._say(f"{type(error).__name__}: {error}")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def remaining(self) -> int:
        """Offsets between what is stored and the ends that the log has now."""
        await self.start()
        ends = await self._ends.ends(list(self._progress))
        return sum(end - self._progress[place].next_offset for place, end in ends.items())

    async def catch_up(self, said: Callable[[int], None]) -> None:
        """Read up to the ends that the log has now; `said` is told the number of records of each fetch."""
        await self.start()
        ends = await self._ends.ends(list(self._progress))
        while any(self._progress[place].next_offset < end for place, end in ends.items()):
            before = {place: part.next_offset for place, part in self._progress.items()}
            fetched = await self._fetch()
            await self._write(fetched)
            said(fetched.records)
            if not fetched.moves and await self._passed_what_has_no_record(ends, before):
                return

    async def start(self) -> None:
        """Connect and take every partition from its stored offset. Raises Unavailable."""
        if self._consumer is None:
            await self._ends.start()
            consumer = AIOKafkaConsumer(
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                **self._connection.client_options(),
            )
            try:
                await consumer.start()
            except KafkaError as error:
                await consumer.stop()
                await self._ends.stop()
                raise LogUnavailable(f"Kafka does not answer: {type(error).__name__}") from error
            self._consumer = consumer
        await self._take_partitions()

    async def stop(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        for client in (consumer, self._ends):
            if client is not None:
                with contextlib.suppress(KafkaError):
                    await client.stop()

    @property
    def progress(self) -> dict[LogPartition, Progress]:
        """How far this follower has stored."""
        return dict(self._progress)

    async def _step(self) -> None:
        if self._consumer is None or time.monotonic() - self._looked_at > _LOOK_FOR_PARTITIONS_EVERY_S:
            await self.start()
        fetched = await self._fetch()
        self._say("")
        pause_s = _FIRST_PAUSE_S
        while fetched.moves:
            try:
                await self._write(fetched)
                await self._gather(fetched)
                return
            except StorageUnavailable as error:
                self._say(f"StorageUnavailable: {error}")
                # A database that comes back may be a copy that was behind: look where it is.
                self._looked_at = 0.0
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _gather(self, fetched: Fetched) -> None:
        """Let records come together: a transaction a record costs more than the scoring it records."""
        if fetched.records < self._fetch_max_records:
            await _until_set(self._hurried, self._gather_s)
        self._hurried.clear()

    async def _take_partitions(self) -> None:
        """Assign all partitions there are; those that are new begin with the log."""
        wanted = await self._ends.partitions(self._topics.names)
        stored = await _in_thread(self._store.progress)
        fresh = [place for place in wanted if place not in stored]
        if fresh:
            firsts = await self._ends.beginnings(fresh)
            stored = await _in_thread(lambda: self._store.begin(firsts))
        progress = {place: stored[place] for place in wanted}
        if progress != self._progress:
            consumer = self._started()
            consumer.assign([TopicPartition(*place) for place in wanted])
            for place, part in progress.items():
                consumer.seek(TopicPartition(*place), part.next_offset)
            self._progress = progress
            log.info("following", partitions=len(wanted), new=len(fresh))
        self._looked_at = time.monotonic()

    async def _fetch(self) -> Fetched:
        try:
            batches = await self._started().getmany(timeout_ms=_POLL_MS, max_records=self._fetch_max_records)
        except OffsetOutOfRangeError as error:
            await self._find_again([LogPartition(place.topic, place.partition) for place in error.args[0]])
            return Fetched()
        except KafkaError as error:
            raise LogUnavailable(f"Kafka does not answer: {type(error).__name__}") from error
        plain = {LogPartition(place.topic, place.partition): records for place, records in batches.items()}
        return take_apart(plain, self._progress, self._topics)

    async def _write(self, fetched: Fetched) -> None:
        if fetched.moves:
            started = time.monotonic()
            self._progress |= await _in_thread(lambda: self._store.write(fetched.facts, fetched.moves))
            took_s = time.monotonic() - started
            if took_s > _LONG_S:
                log.warning("storing took long; keys wait for it", seconds=took_s, records=fetched.records)
        self.state.records += fetched.records
        self.state.unreadable += len(fetched.unreadable)
        self._stepped.set()
        for why in fetched.unreadable[:3]:
            log.error("a record can't be read; passed over", record=why)

    async def _find_again(self, lost: list[LogPartition]) -> None:
        """Go on at the log's beginning where retention overtook us; refuse a log that became shorter."""
        beginnings, ends = await self._ends.beginnings(lost), await self._ends.ends(lost)
        for place in lost:
            here = self._progress[place].next_offset
            if here > ends[place]:
                raise LogShrunk(
                    f"{place.topic}/{place.partition} ends at {ends[place]}, but {here} was read already; "
                    "if the topic was made anew, run: scorestream ledger rebuild"
                )
            if here < beginnings[place]:
                self.state.missed += beginnings[place] - here
                log.error("retention removed records before the ledger read them", place=place, first=here)
                self._started().seek(TopicPartition(*place), beginnings[place])

    async def _passed_what_has_no_record(
        self, ends: dict[LogPartition, int], before: dict[LogPartition, int]
    ) -> bool:
        """Whether all that is left before `ends` holds no record: the consumer is past it already."""
        consumer = self._started()
        for place, end in ends.items():
            if before[place] < end and await consumer.position(TopicPartition(*place)) < end:
                return False
        return True

    def _say(self, wrong: str) -> None:
        if wrong != self.state.wrong:
            log.warning("not following", why=wrong) if wrong else log.info("following the log")
            self.state.wrong = wrong

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise LogUnavailable("not connected to Kafka yet")
        return self._consumer


async def _until_set(event: asyncio.Event, wait_s: float) -> None:
    """Return once `event` is set, or after `wait_s`."""
    # Not `wait_for`: Python 3.11's takes an event that is set for an answer to being cancelled.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await event.wait()


async def _in_thread(work: Callable[[], T]) -> T:
    """Run blocking work to its end, also when we are cancelled meanwhile: a half-known commit is none."""
    running: asyncio.Future[T] = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await running
        raise
