"""Stopping clients when a process ends, in whatever state their servers are."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog

log = structlog.get_logger()

_CANCELLING_S = 1.0


class Stoppable(Protocol):
    """A client that disconnects."""

    def stop(self) -> Coroutine[Any, Any, None]:
        """Disconnect."""


async def stop_all(*clients: Stoppable, timeout_s: float) -> None:
    """Stop `clients` together, within `timeout_s` and a second; what one raises is only logged.

    Each in a task of its own: an aiokafka consumer whose broker is away raises CancelledError from its
    `stop`, which would else end the caller; an idempotent producer flushes for as long as it is away.
    """
    if not clients:
        return
    stopping = {asyncio.create_task(client.stop()): type(client).__name__ for client in clients}
    _, late = await asyncio.wait(stopping, timeout=timeout_s)
    for task in late:
        log.warning("a client did not stop in time", client=stopping[task], timeout_s=timeout_s)
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_CANCELLING_S)
    for task, client in stopping.items():
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a client did not stop cleanly", client=client, error=repr(error))
