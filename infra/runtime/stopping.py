"""Stopping clients when a process ends, in whatever state their servers are."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog

log = structlog.get_logger()


class Stoppable(Protocol):
    """A client that disconnects."""

    def stop(self) -> Coroutine[Any, Any, None]:
        """Disconnect."""


async def stop_all(*clients: Stoppable, timeout_s: float) -> None:
    """Stop `clients` one after the other, each within `timeout_s`; what one raises is only logged.

    Each in a task of its own: an aiokafka consumer whose broker is away raises CancelledError from its
    `stop`, which would else end the caller; an idempotent producer flushes for as long as it is away.
    """
    for client in clients:
        stopping = asyncio.create_task(client.stop())
        await asyncio.wait([stopping], timeout=timeout_s)
        if not stopping.done():
            log.warning("a client did not stop in time", client=type(client).__name__, timeout_s=timeout_s)
            stopping.cancel()
            await asyncio.wait([stopping], timeout=timeout_s)
        if stopping.done() and not stopping.cancelled() and (error := stopping.exception()) is not None:
            log.warning("a client did not stop cleanly", client=type(client).__name__, error=repr(error))
