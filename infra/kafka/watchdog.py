"""Ends the brokers of a process that died without stopping them. Runs as a process of its own.

The owner holds the other end of this process's standard input and writes `+PID` for a broker it
started and `-PID` for one it saw end. End of input means that the owner is gone, however it went:
what is left is killed. Linux's parent-death signal was not chosen because it fires when the
*thread* that started the child ends, so a broker started from a worker thread would die with it.

Standard library only: it is started as a file, with site packages switched off.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import IO


class Watchdog:
    """The owner's end: tells the watching process which brokers are ours."""

    def __init__(self) -> None:
        command = [sys.executable, "-S", "-E", __file__]
        # Its own session: Ctrl-C in a terminal must reach the owner only.
        read_end, write_end = os.pipe()
        self._process = subprocess.Popen(command, stdin=read_end, start_new_session=True)
        os.close(read_end)
        self._pipe = os.fdopen(write_end, "wb", buffering=0)

    def watch(self, pid: int) -> None:
        """Kill `pid` if this process dies."""
        self._tell(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """`pid` has ended: its number may soon belong to somebody else."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """End the watching process; brokers that are still watched are killed."""
        self._pipe.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        # Without its watchdog a broker still works; only the protection is lost.
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(line.encode())


def kill_when_orphaned(lines: IO[str]) -> None:
    """Follow `+PID` and `-PID` until the input ends, then kill what is left."""
    watched: set[int] = set()
    for line in lines:
        change, pid = line[0], int(line[1:])
        watched.add(pid) if change == "+" else watched.discard(pid)
    for pid in watched:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    kill_when_orphaned(sys.stdin)
