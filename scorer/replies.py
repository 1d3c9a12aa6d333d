"""Answering requesters, without ever holding up the decisions of others.

A reply is a courtesy: the decision stands in the prediction stream whether or not anybody hears
of it. So a reply that has nowhere to go is counted, not retried.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import structlog

from contracts.headers import ReplyAddress
from scorer.log import RecordLog
from scorer.metrics import ScorerMetrics
from scorer.records import OutputRecord

log = structlog.get_logger()

#: Reply batches on their way at once; a broker that is slow to take them slows the next micro-batch.
_MAX_UNDER_WAY: Final = 64


class Replies(Protocol):
    """Where the lane worker leaves its replies."""

    async def send(self, replies: Iterable[tuple[ReplyAddress, OutputRecord]]) -> None:
        """Have `replies` sent; back as soon as they are on their way."""


class KafkaReplies:
    """Sends the replies of a micro-batch as one record batch per partition."""

    def __init__(self, reply_log: RecordLog, metrics: ScorerMetrics) -> None:
        self._log = reply_log
        self._metrics = metrics
        self._under_way: set[asyncio.Task[None]] = set()

    async def send(self, replies: Iterable[tuple[ReplyAddress, OutputRecord]]) -> None:
        """See Replies."""
        if addressed := list(replies):
            # Where a topic is has to be asked of the broker now and then; the next micro-batch need not wait.
            task = asyncio.create_task(self._deliver(addressed))
            self._under_way.add(task)
            task.add_done_callback(self._done)
        if len(self._under_way) > _MAX_UNDER_WAY:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def finish(self, timeout_s: float) -> None:
        """Wait until what is on its way has arrived, at most `timeout_s`."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=timeout_s)

    async def _deliver(self, addressed: Sequence[tuple[ReplyAddress, OutputRecord]]) -> None:
        batches: dict[tuple[str, int], list[OutputRecord]] = defaultdict(list)
        known: dict[tuple[str, int | None], int | None] = {}
        for address, reply in addressed:
            place = (address.topic, address.partition)
            if place in known:
                partition = known[place]
            else:
                partition = await self._partition(address)
                # An address without a partition has one by its correlation id; a missing topic has none.
                if address.partition is not None or partition is None:
                    known[place] = partition
            if partition is None:
                self._metrics.replies_undeliverable.inc()
                log.warning("reply has nowhere to go", topic=address.topic, partition=address.partition)
            else:
                batches[address.topic, partition].append(reply)
        await asyncio.gather(
            *(self._log.append(topic, partition, batch) for (topic, partition), batch in batches.items())
        )

    async def _partition(self, address: ReplyAddress) -> int | None:
        if address.partition is None:
            return await self._log.partition_for(address.topic, address.correlation_id)
        exists = await self._log.has_partition(address.topic, address.partition)
        return address.partition if exists else None

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("replies were not delivered", error=type(error).__name__)
