"""A control topic in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class FakeControlTopic:
    """Begins with the `newest` values by key; `write` adds a change."""

    def __init__(self, newest: dict[bytes, bytes]) -> None:
        self._newest = newest
        self._changes: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    def write(self, key: bytes, value: bytes) -> None:
        self._changes.put_nowait((key, value))

    async def newest(self) -> dict[bytes, bytes]:
        return self._newest

    async def changes(self) -> AsyncIterator[tuple[bytes, bytes]]:
        while True:
            yield await self._changes.get()
