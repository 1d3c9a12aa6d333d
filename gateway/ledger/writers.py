"""Starts the writers, one process per lane, and starts them again when they end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import structlog

from contracts.lanes import Lane
from gateway.ledger.metrics import LedgerMetrics
from gateway.ledger.settings import LedgerSettings
from gateway.ledger.writer import HURRY, Orders, Report

log = structlog.get_logger()

_SILENT_AFTER_S: Final = 15.0
#: A new process has its imports before it: on a machine that is overloaded these alone take longer than 15 s,
#: and who is killed for it would never get to its first word.
_FIRST_WORD_S: Final = 60.0
_PATIENCE_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 5.0


class LaneWriter:
    """One lane's writer process, whichever it is at the moment."""

    def __init__(self, lane: Lane, settings: LedgerSettings, metrics: LedgerMetrics) -> None:
        self.lane = lane
        self.report = Report("starting")
        self.pid: int | None = None
        self._settings = settings
        self._metrics = metrics
        self._step: asyncio.Future[None] | None = None
        self._orders: asyncio.StreamWriter | None = None

    def next_step(self) -> asyncio.Future[None]:
        """See freshness.Steps."""
        if self._step is None or self._step.done():
            self._step = asyncio.get_running_loop().create_future()
        return self._step

    def hurry(self) -> None:
        """See freshness.Steps; nothing happens while no writer runs."""
        if self._orders is not None and not self._orders.is_closing():
            self._orders.write(HURRY)

    async def run(self) -> None:
        """Keep a writer running until cancelled; then it ends after the transaction it is in."""
        pause_s = 0.1
        while True:
            async with self._started() as process:
                if await self._listen(process):
                    pause_s = 0.1
            self.report = Report(f"the writer ended with status {process.returncode}; starting it again")
            self._metrics.writer_starts.labels(self.lane.value).inc()
            log.error("a writer ended", lane=self.lane.value, status=process.returncode)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.ledger.writer", stdin=PIPE, stdout=PIPE
        )
        self.pid = process.pid
        try:
            orders = Orders(self.lane, msgspec.Raw(self._settings.for_child().encode()))
            if process.stdin is not None:
                process.stdin.write(msgspec.json.encode(orders) + b"\n")
            self._orders = process.stdin
            yield process
        finally:
            self._orders = None
            await _ended(process)
            self.pid = None

    async def _listen(self, process: Process) -> bool:
        """Take its reports until it ends or falls silent; whether it said that it follows.

        It reports at the end of each transaction, and now and then.
        """
        followed, patience_s = False, _FIRST_WORD_S
        while process.stdout is not None:
            try:
                line = await asyncio.wait_for(process.stdout.readline(), patience_s)
            except TimeoutError:
                log.error("a writer says nothing any more", lane=self.lane.value)
                process.kill()
                continue
            if not line:
                break
            patience_s = _SILENT_AFTER_S
            report = msgspec.json.decode(line, type=Report)
            self._count(report)
            if self._step is not None and not self._step.done():
                self._step.set_result(None)
            followed |= not report.wrong
        return followed

    def _count(self, report: Report) -> None:
        # A new process counts from 0 again.
        earlier = self.report if self.report.records <= report.records else Report("")
        lane = self.lane.value
        self._metrics.records.labels(lane).inc(report.records - earlier.records)
        self._metrics.unreadable.labels(lane).inc(max(0, report.unreadable - earlier.unreadable))
        self._metrics.missed.labels(lane).inc(max(0, report.missed - earlier.missed))
        self._metrics.writing.labels(lane).set(not report.wrong)
        self.report = report


async def _ended(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    waiting = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait_for(asyncio.shield(waiting), _PATIENCE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await waiting
