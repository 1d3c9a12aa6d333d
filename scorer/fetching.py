"""What the caches of bundles and snapshots share: a process that fetches, a note of what was taken."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from contracts.events import encode

T = TypeVar("T", bound=msgspec.Struct)


async def fetched_by(module: str, *arguments: str, timeout_s: float) -> tuple[int, str]:
    """Exit status and last words of `python -m module`, a throw-away process; TimeoutError ends it.

    The status is negative, the signal's number, when the process was ended by one.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(process.communicate(), timeout_s)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    except asyncio.CancelledError:
        process.kill()
        raise
    last_line = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    return await process.wait(), last_line[0]


class LastTaken(Generic[T]):
    """The event that was last taken on this machine, in a file that workers share."""

    def __init__(self, file: Path, decode: Callable[[bytes], T]) -> None:
        self._file = file
        self._decode = decode

    def note(self, event: T) -> None:
        """Make `event` what a restart begins with."""
        draft = self._file.with_suffix(f".{id(self)}.draft")
        draft.write_bytes(encode(event))
        draft.replace(self._file)

    def read(self) -> T | None:
        """What was noted last; None before that, or when it can't be read."""
        try:
            return self._decode(self._file.read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
