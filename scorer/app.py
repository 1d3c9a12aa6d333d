"""The Faust side of a lane: read in micro-batches, hand over, commit what is finished.

    applications topic → agent → Continuity → Arrivals → Ownership.work
    commit: twice a second and at a revoke

`scorer.ownership` decides what to find out and to commit; this file knows when partitions come and go.
Nothing here is about credit. Private calls into Faust are in `scorer.faust_seam`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import faust
import structlog

from scorer import faust_seam
from scorer.arrivals import Arrival, Arrivals
from scorer.continuity import Continuity
from scorer.metrics import ScorerMetrics
from scorer.ownership import Ownership
from scorer.settings import ScorerSettings

log = structlog.get_logger()


class LaneStream:
    """A lane's agent on its Faust app, with offsets in our own hands."""

    def __init__(
        self, app: faust.App, settings: ScorerSettings, *, ownership: Ownership, metrics: ScorerMetrics
    ) -> None:
        self.app = app
        self._settings = settings
        self._topic = settings.lane.applications.name
        self._ownership = ownership
        self._metrics = metrics
        self._arrivals = Arrivals(settings.most_in_batch, company_s=settings.company_s)
        self._continuity = Continuity()
        #: How often partitions were taken: what was received before the last time is not worked on.
        self._taken = 0
        self._at_work = asyncio.Lock()
        self._working: asyncio.Task[None] | None = None
        self._is_open = False
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        self._declare()

    def _declare(self) -> None:
        channel = faust_seam.input_channel(self.app, self._topic)

        async def lane(stream: Any) -> None:
            async for event in stream.events():
                await self._receive(faust_seam.fetched(event))

        # One at a time: two instances would hand over out of order, and an offset commits all before it.
        self._agent = self.app.agent(channel, concurrency=1, name=f"lane-{self._settings.lane.value}")(lane)
        self.app.on_partitions_revoked.connect(self._revoked)
        self.app.on_rebalance_complete.connect(self._rebalanced)

    async def run(self) -> None:
        """Read until cancelled; raises what ended the reading."""
        await self.app.start()
        self._working = asyncio.create_task(self._work_for_ever())
        committing = asyncio.create_task(self._commit_for_ever())
        watching = asyncio.create_task(self.failed.wait())
        stopped = asyncio.create_task(self.app.wait_until_stopped())
        try:
            await asyncio.wait({committing, watching, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if committing.done():
                committing.result()
            raise self.failure or self.app.crash_reason or RuntimeError("Faust stopped by itself")
        finally:
            for task in (committing, watching, stopped):
                task.cancel()

    async def drain(self) -> None:
        """Finish the micro-batch at work, commit it and leave the group, so that another goes on at once."""
        self._is_open = False
        async with self._at_work:
            await self._ownership.commit(is_leaving=True)
        if self._working is not None:
            self._working.cancel()
        await self.app.stop()

    @property
    def is_open(self) -> bool:
        """Whether partitions are assigned and read."""
        return self._is_open

    async def _receive(self, fetch: faust_seam.Fetch) -> None:
        if fetch.generation != faust_seam.current_generation(self.app):
            return
        taken_at = self._taken
        records, again = self._continuity.receive(fetch.records, fetch.began_at)
        if records:
            await self._arrivals.put(taken_at, records)
        await self._fetch_again(again)

    async def _fetch_again(self, offsets: dict[int, int]) -> None:
        if not offsets:
            return
        log.info("fetching again what did not arrive", offsets=offsets)
        starts = await faust_seam.log_starts(self.app, self._topic, set(offsets))
        gone = self._continuity.skip(starts)
        if gone:
            # Normal for a group that is new on an old topic. Else retention was faster than the scorers.
            log.warning("the log begins after what was decided", offsets_left_out=gone)
        wanted = {partition: max(offset, starts.get(partition, 0)) for partition, offset in offsets.items()}
        await faust_seam.seek(self.app, self._topic, wanted)

    async def _work_for_ever(self) -> None:
        while True:
            await self._work(await self._arrivals.take())

    async def _work(self, arrivals: Sequence[Arrival]) -> None:
        async with self._at_work:
            # What comes after a revoke or a stop is the next owner's: it is not committed, so it is
            # read again there.
            if not self._is_open:
                return
            current = [arrival.record for arrival in arrivals if arrival.generation == self._taken]
            try:
                await self._ownership.work(current)
            except Exception as error:
                # Faust would acknowledge nothing but go on with the next batch, and the one that
                # failed would be committed past. So the process ends, and the batch is read again.
                self.failure = error
                self._is_open = False
                self.failed.set()
                log.exception("a micro-batch could not be published")

    async def _revoked(self, _: faust.App, revoked: Any = None, **__: Any) -> None:
        self._is_open = False
        async with self._at_work:
            # Again: a rebalance that was still taking over may have opened it while this one waited.
            self._is_open = False
            await self._ownership.commit(is_leaving=True)
        log.info("partitions revoked", partitions=sorted(tp.partition for tp in revoked or ()))

    async def _rebalanced(self, _: faust.App, **__: Any) -> None:
        """Awaited by Faust while the new partitions are still paused."""
        partitions = faust_seam.assigned_partitions(self.app, self._topic)
        async with self._at_work:
            started = time.perf_counter()
            await self._ownership.take(partitions)
            next_offsets = self._ownership.progress.owned()
            self._arrivals.clear()
            self._taken += 1
            self._continuity.restart(next_offsets)
            # Faust is about to go back to what is committed, but leaves a reader at offset 0 where it is.
            await faust_seam.seek(self.app, self._topic, next_offsets)
            self._metrics.taking_over.observe(time.perf_counter() - started)
            self._is_open = True
        self._metrics.rebalances.inc()
        self._metrics.partitions.set(len(partitions))
        self._metrics.lag.clear()
        log.info("partitions assigned", partitions=sorted(partitions))

    async def _commit_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.commit_every_ms / 1000)
            if self._is_open:
                async with self._at_work:
                    await self._ownership.commit()
                self._measure_lag()
                await self._fetch_again(self._continuity.overtaken(faust_seam.read_positions(self.app)))

    def lag(self) -> dict[int, int]:
        """Records between what is finished and the end of each owned partition."""
        if not self._is_open:
            return {}
        lags: dict[int, int] = {}
        for partition in faust_seam.assigned_partitions(self.app, self._topic):
            end = faust_seam.high_watermark(self.app, self._topic, partition)
            done = self._ownership.progress.next_offset(partition)
            if end is not None and done is not None:
                lags[partition] = max(0, end - done)
        return lags

    def _measure_lag(self) -> None:
        for partition, records in self.lag().items():
            self._metrics.lag.labels(self._settings.lane.value, str(partition)).set(records)
