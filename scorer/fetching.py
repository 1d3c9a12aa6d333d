"""What the caches of bundles and snapshots share: a process that fetches, a note of what was taken."""

from __future__ import annotations

import asyncio
import fcntl
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final, Generic, TypeVar

import msgspec

from contracts.events import encode

T = TypeVar("T", bound=msgspec.Struct)

_LOOKS_EVERY_S: Final = 0.1


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


@asynccontextmanager
async def alone(lock: Path, *, patience_s: float) -> AsyncIterator[None]:
    """While it lasts no other process of this machine is in it with the same file.

    After `patience_s` it is entered all the same: who is in it may hang, over something else.
    """
    until_s = time.monotonic() + patience_s
    with lock.open("w") as file:
        while not _locks(file) and time.monotonic() < until_s:
            await asyncio.sleep(_LOOKS_EVERY_S)
        yield  # closing the file unlocks it


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
