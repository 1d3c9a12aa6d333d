"""The FastAPI application of a ledger, made from its lanes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from contracts.lanes import Lane
from gateway.ledger import problems
from gateway.ledger.lane import LaneView
from gateway.ledger.metrics import LedgerMetrics
from gateway.ledger.routes import router
from gateway.ledger.settings import LedgerSettings
from infra.runtime.memory import settle
from infra.runtime.presence import announced

log = structlog.get_logger()

_READERS = 8


def make_app(settings: LedgerSettings) -> FastAPI:
    """The application; its writers start and end with it. Raises UnsupportedDatabase."""
    metrics = LedgerMetrics()
    threads = ThreadPoolExecutor(_READERS, thread_name_prefix="look-up")
    lanes = {lane: LaneView(lane, settings, metrics, threads) for lane in Lane}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(view.run()) for view in lanes.values()]
        for task in running:
            task.add_done_callback(_say_why)
        settle()
        with announced(settings.run_dir, "ledger", f"http://127.0.0.1:{settings.port}"):
            yield
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for view in lanes.values():
            with contextlib.suppress(Exception):
                await view.stop()
        threads.shutdown(cancel_futures=True)

    app = FastAPI(title="scorestream ledger", version="1", lifespan=lifespan, redoc_url=None)
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.lanes = lanes
    app.state.is_draining = False
    app.include_router(router)
    problems.install(app)
    return app


def _say_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a lane's work ended", error=repr(error))
