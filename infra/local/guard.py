"""Runs a command that must not outlive its starter, with all that the command starts itself.

    python -S -E guard.py COMMAND…

The starter holds the other end of standard input. When that ends, however the starter went, or when
the command ends, the whole process group gets SIGTERM and, after a grace, SIGKILL. Must be started
as the leader of its own session. Linux's parent-death signal was not chosen: it reaches one process
only, and fires when the *thread* that started it ends. Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import Final

GRACE_S: Final = 5.0
_LOOK_S: Final = 0.1


def main(command: list[str]) -> None:
    """Run the command to its end or to the starter's; does not return."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # meant for the others of the group
    while child.poll() is None and not _is_orphaned():
        pass
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    # The group, this process included: nothing of it is needed any more.
    os.killpg(0, signal.SIGKILL)


def _is_orphaned() -> bool:
    """True once standard input has ended; waits a moment for it."""
    readable, _, _ = select.select([0], [], [], _LOOK_S)
    return bool(readable) and not os.read(0, 1024)


if __name__ == "__main__":
    main(sys.argv[1:])
