"""The process that writes one lane: started by the ledger, `python -m gateway.ledger.writer`.

Its first line of standard input is its settings, each further one an order to hurry; the end of standard
input is its order to end, so it can't outlive the ledger that started it, however that one died. Each line
of standard output says how it does, see `Report`: one after each transaction, and two a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import Final

import msgspec
import structlog

from contracts.lanes import Lane
from gateway.ledger.database import LaneDatabase, open_lane
from gateway.ledger.errors import StorageUnavailable
from gateway.ledger.follower import Follower
from gateway.ledger.retention import forget_old_months
from gateway.ledger.settings import LedgerSettings
from gateway.ledger.store import LaneStore
from infra.runtime import loop
from infra.runtime.logs import configure_logs
from infra.runtime.memory import settle
from infra.runtime.priority import step_back

log = structlog.get_logger()

#: Somebody waits for what the log has now.
HURRY: Final = b"\n"

_REPORT_EVERY_S: Final = 0.5
_MAINTAIN_EVERY_S: Final = 3_600.0
_PREPARE_AGAIN_AFTER_S: Final = 1.0


class Orders(msgspec.Struct, frozen=True):
    """What a writer is started with: its lane and `LedgerSettings.for_child`."""

    lane: Lane
    settings: msgspec.Raw


class Report(msgspec.Struct, frozen=True):
    """How a writer does: `wrong` is empty while it follows; the counts are since its start."""

    wrong: str
    records: int = 0
    unreadable: int = 0
    missed: int = 0


def main() -> int:
    """Write until standard input ends; the process's exit status."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    settings = LedgerSettings.model_validate_json(bytes(orders.settings))
    configure_logs("ledger", level=settings.log_level, log_format=settings.log_format)
    structlog.contextvars.bind_contextvars(lane=orders.lane.value)
    # A terminal's Ctrl-C is for the ledger, which then ends our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if orders.lane is Lane.BATCH:
        step_back(settings.batch_lane_niceness)
    loop.run(_write(orders.lane, settings))
    return 0


async def _write(lane: Lane, settings: LedgerSettings) -> None:
    database = open_lane(settings.database_url, lane)
    topics = settings.topics(lane)
    follower = Follower(
        topics,
        settings.kafka,
        LaneStore(database, topics),
        fetch_max_records=settings.fetch_max_records,
        gather_s=settings.gather_ms / 1000,
    )
    working = [
        asyncio.create_task(_follow(database, follower, settings)),
        asyncio.create_task(_report(follower)),
    ]
    ended = asyncio.create_task(_end_of_input(follower))
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    stopping = [ended, asyncio.create_task(terminated.wait())]
    done, _ = await asyncio.wait([*working, *stopping], return_when=asyncio.FIRST_COMPLETED)
    for task in (*working, *stopping):
        task.cancel()
    await asyncio.gather(*working, *stopping, return_exceptions=True)
    await follower.stop()
    database.close()
    for task in done:
        task.result()


async def _follow(database: LaneDatabase, follower: Follower, settings: LedgerSettings) -> None:
    while True:
        try:
            await asyncio.to_thread(database.prepare, wait_s=settings.migration_wait_s)
            break
        except StorageUnavailable as error:
            follower.state.wrong = f"StorageUnavailable: {error}"
            log.warning("the database is not ready; trying again", why=str(error))
        await asyncio.sleep(_PREPARE_AGAIN_AFTER_S)
    settle()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follower.follow())
        tasks.create_task(_maintain(database, settings.retention_months))


async def _maintain(database: LaneDatabase, retention_months: int) -> None:
    while retention_months:
        try:
            await asyncio.to_thread(forget_old_months, database, keep_months=retention_months)
        except StorageUnavailable as error:
            log.warning("old months are still there; trying again later", why=str(error))
        await asyncio.sleep(_MAINTAIN_EVERY_S)


async def _report(follower: Follower) -> None:
    while True:
        state = follower.state
        report = Report(state.wrong, state.records, state.unreadable, state.missed)
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
            sys.stdout.buffer.flush()
        await follower.stepped(_REPORT_EVERY_S)


async def _end_of_input(follower: Follower) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        follower.hurry()


if __name__ == "__main__":
    sys.exit(main())
