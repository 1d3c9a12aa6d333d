"""Start an archive: `scorestream archive`, or `python -m training.archive`.

settings → logs → lock → health → follow; SIGTERM: what waits is written → end. Killed outright,
nothing is lost or doubled: the next start goes on after the last file.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import ExitStack

import structlog

from infra.runtime import loop
from infra.runtime.health_server import HealthServer
from infra.runtime.logs import configure_logs
from infra.runtime.presence import announced
from training.archive.buffers import Limits
from training.archive.errors import AlreadyRunning, ArchiveError, Rejected
from training.archive.following import Following
from training.archive.lock import only_one
from training.archive.settings import ArchiveSettings
from training.archive.store import ArchiveStore
from training.archive.writing import ArchiveWriter
from training.drift.gauges import DriftGauges

log = structlog.get_logger()

_MIB = 1024 * 1024


def run(settings: ArchiveSettings) -> int:
    """Archive until SIGTERM or SIGINT; the process's exit status."""
    configure_logs("archive", level=settings.log_level, log_format=settings.log_format)
    os.nice(settings.niceness)
    try:
        store = ArchiveStore(settings.store)
        with only_one(store, "writer"):
            _clear_up(store)
            return loop.run(_serve(settings, store))
    except Rejected as error:
        log.error("the archive can't go on", error=str(error))
        return 2
    except (ArchiveError, OSError) as error:
        log.error("the archive ended", error=f"{type(error).__name__}: {error}")
        return 1


def _clear_up(store: ArchiveStore) -> None:
    try:
        with only_one(store, "compaction"):
            removed = store.remove_drafts()
    except AlreadyRunning:
        return  # its draft is among them; the next start comes
    log.info("cleared up after killed writers", drafts=removed)


async def _serve(settings: ArchiveSettings, store: ArchiveStore) -> int:
    limits = Limits(settings.flush_s, settings.file_max_records, settings.buffer_max_mb * _MIB)
    writer = ArchiveWriter(store, limits, outcomes_topic=settings.outcomes_topic)
    following = Following(settings, writer)
    gauges = DriftGauges(writer.metrics.registry)
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, following.stop)
    health = HealthServer(
        writer.metrics.registry,
        alive=dict,
        ready=lambda: {"archive": following.wrong} if following.wrong else {},
    )
    with ExitStack() as stack:
        stack.callback(health.stop)
        port = health.start(settings.host, settings.port)
        stack.enter_context(announced(settings.run_dir, "archive", f"http://127.0.0.1:{port}"))
        showing = asyncio.create_task(gauges.follow(settings.kafka))
        stack.callback(showing.cancel)
        await following.run()
    log.info("everything that was read is archived")
    return 0


if __name__ == "__main__":
    sys.exit(run(ArchiveSettings()))
