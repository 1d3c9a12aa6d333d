"""What a control topic says last counts: tried until it is settled, or until something newer comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from infra.runtime.compacted import ControlTopic

T = TypeVar("T")

_RETRY_S: Final = 5.0
#: A try may start a process with a store's client: seconds of a core that a thing long gone must not cost.
_LONGEST_RETRY_S: Final = 60.0


async def keep_up(
    control: ControlTopic,
    key: bytes,
    *,
    decode: Callable[[bytes], T | None],
    attempt: Callable[[T], Awaitable[bool]],
    first: T | None,
) -> None:
    """Attempt `first`, then each newer record of `key` in its place, for ever.

    `attempt` says False when another try may help; `decode` gives None for a record to be passed over.
    """
    pending = asyncio.create_task(_until_settled(attempt, first))
    try:
        async for changed, value in control.changes():
            if changed == key and (wanted := decode(value)) is not None:
                pending.cancel()
                pending = asyncio.create_task(_until_settled(attempt, wanted))
    finally:
        pending.cancel()


async def _until_settled(attempt: Callable[[T], Awaitable[bool]], wanted: T | None) -> None:
    if wanted is None:
        return
    pause_s = _RETRY_S
    while not await attempt(wanted):
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_RETRY_S)
