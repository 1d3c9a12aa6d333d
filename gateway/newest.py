"""The newest record of one key of a control topic, for `GET /v1/model`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
import structlog

from contracts.topics import Topic
from infra.runtime.compacted import ControlTopic

log = structlog.get_logger()

T = TypeVar("T")


class Newest(Generic[T]):
    """What `topic` says last of `key`; None until it says something."""

    def __init__(self, topic: Topic, key: str, decode: Callable[[bytes], T]) -> None:
        self._topic = topic
        self._key = key.encode()
        self._decode = decode
        self.newest: T | None = None

    async def follow(self, control: ControlTopic) -> None:
        """Keep `newest` up to date until cancelled."""
        for key, value in (await control.newest()).items():
            self._take(key, value)
        async for key, value in control.changes():
            self._take(key, value)

    def _take(self, key: bytes, value: bytes) -> None:
        if key != self._key:
            return
        try:
            self.newest = self._decode(value)
        except msgspec.MsgspecError:
            log.error(f"a record of {self._topic.name} can't be read; skipped")
            return
        self._taken(self.newest)

    def _taken(self, newest: T) -> None:
        """What else a new value means; nothing by itself."""
