"""All that this project does with Faust beyond its public surface, in one place.

Each function says what Faust 0.15.3 would do without it. `tests/contract/test_faust_seam.py`
holds the pinned version to what is used here; read it before raising the pin.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import faust
import structlog
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP

from infra.runtime.kafka import KafkaConnection
from scorer.records import InputRecord

log = structlog.get_logger()

#: The question waits behind a fetch that the broker holds back, 1.5 s at most.
_STARTS_TIMEOUT_S = 3.0


class Fetch(NamedTuple):
    """What one fetch brought, and how it joins on to the one before."""

    #: Generation of the consumer group in which it was handed over.
    generation: int
    records: list[InputRecord]
    #: Offset at which the reader of each partition stood before. From there to the partition's last record
    #: this is all that the log has.
    began_at: Mapping[int, int]


def make_app(group: str, connection: KafkaConnection, *, session_timeout_s: float) -> faust.App:
    """A Faust app that reads for `group` and does nothing on its own account.

    No leader topic, no declared topics, no web server, no table: Faust would otherwise create
    topics and open a port on every address. Times are set because its defaults give a dead
    worker's partitions away only after a minute.
    """
    servers = ";".join(f"kafka://{server.strip()}" for server in connection.bootstrap_servers.split(","))
    app = _App(
        group,
        broker=servers,
        broker_credentials=_credentials(connection),
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=min(1.0, session_timeout_s / 4),
        broker_rebalance_timeout=session_timeout_s,
        broker_request_timeout=max(10.0, session_timeout_s + 1),
        broker_max_poll_records=500,
        consumer_auto_offset_reset="earliest",
        consumer_connections_max_idle_ms=540_000,
        processing_guarantee="at_least_once",
        topic_disable_leader=True,
        topic_allow_declare=False,
        # A message is a whole fetch here (FetchConsumer): one waits, and the next holds up the fetching.
        stream_buffer_maxsize=1,
        stream_wait_empty=False,
        stream_publish_on_commit=False,
        web_enabled=False,
        store="memory://",
    )
    app.transport.Consumer = FetchConsumer
    return app


class _App(faust.App):  # type: ignore[misc]  # Faust has no types we can see
    """Faust would make a folder for tables in the working directory, which may be read-only; we have none."""

    def _create_directories(self) -> None:
        pass


class _Positioned(dict[Any, Any]):
    """Records by partition, and where the reader of each partition stood before they were taken."""

    began_at: Mapping[int, int]


class FetchThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust has no types we can see
    """Faust's consumer thread, whose fetches say where they began.

    Faust throws away what was fetched while its flow stops or starts, at a rebalance, and then goes back to
    the committed offset, but not to offset 0. Who knows where a fetch began sees that one is missing.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Where a partition's last record ended, and where the reader stood then, past a transaction's marks.
        self._ended: dict[int, tuple[int, int]] = {}

    def positions(self, consumer: Any) -> dict[int, int]:
        """Next offset of each partition after the last record; the reader may be past marks beyond that."""
        here = _positions(consumer)
        ended = dict(self._ended)
        return {
            partition: ended[partition][0] if ended.get(partition, (0, -1))[1] == position else position
            for partition, position in here.items()
        }

    def _note(self, before: Mapping[int, int], ends: Mapping[int, int], after: Mapping[int, int]) -> None:
        for partition, position in after.items():
            ended = ends.get(partition, before.get(partition, position))
            if ended < position:
                self._ended[partition] = ended, position

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[Any],
        timeout: float | None = None,  # noqa: ASYNC109
        max_records: int = 0,
    ) -> dict[Any, Any]:
        end = time.monotonic() + (timeout or 0)
        fetcher, subscriptions = consumer._fetcher, consumer._subscription
        while True:
            while subscriptions.reassignment_in_progress:
                await subscriptions.wait_for_assignment()
            if not active_partitions:  # aiokafka would take none to mean all
                return {}
            # Nothing is awaited between these, so nothing moves a position between them.
            began_at = self.positions(consumer)
            read = await super()._fetch_records(consumer, active_partitions, 0, max_records)
            ends = {tp.partition: some[-1].offset + 1 for tp, some in read.items() if some}
            self._note(began_at, ends, _positions(consumer))
            left_s = end - time.monotonic()
            if read or left_s <= 0 or not self.consumer.flow_active:
                found = _Positioned(read)
                found.began_at = began_at
                return found
            waiter = fetcher._create_fetch_waiter()
            done, _ = await asyncio.wait([waiter], timeout=left_s)
            if done:
                waiter.result()  # raises what the broker refused
            else:
                waiter.cancel()


class FetchConsumer(Consumer):  # type: ignore[misc]
    """A Faust consumer whose messages are whole fetches: the value is the list of Kafka records.

    Faust makes two tasks, a message and an event of every record, which costs more than deciding it.
    The message bears the topic, partition and offset of the fetch's last record; Faust only compares
    that offset with the partition's earlier ones.
    """

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:  # noqa: ASYNC109
        """What one fetch brought of the partitions that are read, as one message; none if that is nothing."""
        fetched, active = await self._wait_next_records(timeout)
        if not fetched or self.should_stop or not self.flow_active:
            return
        read = {tp: found for tp, found in fetched.items() if found and self._is_read(tp, active)}
        if not read:
            return
        tp, last = next(reversed(read.items()))
        message = self._to_message(tp, last[-1])
        message.key, message.headers = None, ()
        message.value = [record for found in read.values() for record in found], fetched.began_at
        yield tp, message

    def on_buffer_full(self, tp: Any) -> None:
        """Nothing: Faust would stop reading the one partition that the fetch happens to bear the name of.

        What the stream has no room for holds up the next fetch, and so all partitions alike.
        """

    def on_buffer_drop(self, tp: Any) -> None:
        """Nothing, as nothing was stopped."""

    @staticmethod
    def _is_read(tp: Any, active: Any) -> bool:
        return active is None or tp in active


# Faust gives every service class a logger of its own module; this one is still Faust's to be quiet about.
FetchConsumer.logger = Consumer.logger


def input_channel(app: faust.App, topic: str) -> Any:
    """The lane's topic: raw bytes, and never acknowledged by Faust.

    Faust acknowledges in a `finally`, so also what failed; and with out-of-order acknowledgements it
    can commit past an event in flight. With `acks=False` it commits nothing: `commit` below does.
    """
    return app.topic(topic, key_serializer="raw", value_serializer="raw", acks=False)


async def commit(app: faust.App, topic: str, offsets: dict[int, int], note: str) -> bool:
    """Commit the next offset by partition with a note; False when the group is rebalancing.

    Private, on Faust's own consumer in its own thread: Faust commits only what it acknowledged itself,
    never with metadata, and ends the worker when a commit meets a rebalance.
    """
    thread = app.consumer._thread
    consumer = thread._ensure_consumer()
    wanted = {
        TopicPartition(topic, partition): OffsetAndMetadata(offset, note)
        for partition, offset in offsets.items()
    }
    try:
        await thread.call_thread(consumer.commit, wanted)
    except (CommitFailedError, IllegalStateError, KafkaError) as error:
        log.info("not committed", error=type(error).__name__)
        return False
    return True


def assigned_partitions(app: faust.App, topic: str) -> set[int]:
    """Partitions of `topic` that this worker owns now."""
    return {tp.partition for tp in app.consumer.assignment() if tp.topic == topic}


def high_watermark(app: faust.App, topic: str, partition: int) -> int | None:
    """End offset of the partition as of the last fetch, or None before the first."""
    end: int | None = app.consumer.highwater(TP(topic, partition))
    return end


def current_generation(app: faust.App) -> int:
    """The generation of the consumer group: it changes with every rebalance.

    Faust clears its queues at a rebalance, but not what was taken from them already: a record of an
    older generation may belong to another worker now, or comes again from the committed offset.
    """
    generation: int = app.consumer_generation_id
    return generation


def fetched(event: Any) -> Fetch:
    """The fetch that an event of the stream is."""
    records, began_at = event.message.value
    return Fetch(event.message.generation_id, [_input_record(record) for record in records], began_at)


def _positions(consumer: Any) -> dict[int, int]:
    """Next offset to fetch of each partition of `consumer`, which reads one topic."""
    subscription = consumer._subscription.subscription
    assignment = subscription.assignment if subscription is not None else None
    if assignment is None:
        return {}
    # Each read once: the consumer's thread changes them.
    here = {tp.partition: assignment.state_value(tp)._position for tp in assignment.tps}
    return {partition: position for partition, position in here.items() if position is not None}


def read_positions(app: faust.App) -> dict[int, int]:
    """Next offset to fetch of each partition that this worker owns now."""
    thread = app.consumer._thread
    found: dict[int, int] = thread.positions(thread._ensure_consumer())
    return found


async def log_starts(app: faust.App, topic: str, partitions: set[int]) -> dict[int, int]:
    """The first offset that the log still has of each partition; nothing when the broker does not say."""
    thread = app.consumer._thread
    places = [TopicPartition(topic, partition) for partition in partitions]
    consumer = thread._ensure_consumer()

    async def ask() -> Any:
        # In the thread: it takes two calls at a time, and fetching and committing need them.
        return await asyncio.wait_for(consumer.beginning_offsets(places), _STARTS_TIMEOUT_S)

    try:
        starts = await thread.call_thread(ask)
    except (KafkaError, TimeoutError) as error:
        log.info("the log's beginning is not known", error=type(error).__name__)
        return {}
    return {place.partition: starts[place] for place in places}


async def seek(app: faust.App, topic: str, offsets: Mapping[int, int]) -> None:
    """Fetch on from `offsets` by partition; what is not owned any more is left out.

    In the consumer's own thread: Faust's own `seek` moves the position under a fetch that is being taken.
    """
    thread = app.consumer._thread
    consumer = thread._ensure_consumer()

    async def move() -> None:
        for partition, offset in offsets.items():
            with contextlib.suppress(IllegalStateError):
                consumer.seek(TopicPartition(topic, partition), offset)

    await thread.call_thread(move)
    for partition, offset in offsets.items():
        # Faust would drop what is older than what it handed over before.
        app.consumer._read_offset[TP(topic, partition)] = offset or None


def _input_record(record: ConsumerRecord) -> InputRecord:
    return InputRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers={name: value for name, value in record.headers if value is not None},
        timestamp_ms=record.timestamp,
        all_headers=tuple(record.headers),
    )


def _credentials(connection: KafkaConnection) -> Any:
    if connection.security_protocol == "PLAINTEXT":
        return None
    if connection.security_protocol == "SSL":
        return faust.SSLCredentials(context=connection.ssl_context())
    return faust.SASLCredentials(
        username=connection.sasl_username,
        password=connection.password(),
        ssl_context=connection.ssl_context(),
        mechanism=connection.sasl_mechanism,
    )
