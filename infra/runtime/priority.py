"""A process that gives way to the others of its machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_SESSION: Final = Path("/proc/self/autogroup")


def step_back(niceness: int) -> None:
    """Let others go first, by `niceness` from 0 to 19 as `nice` has it.

    Linux may share processors among sessions before it does among processes (`sched_autogroup_enabled`);
    niceness then counts within a session only. So who leads a session of its own, as a service does,
    steps back with all of it. Containers have their shares from the cluster, and no such file.
    """
    niceness = os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            _SESSION.write_text(str(niceness))
