from __future__ import annotations

import os
import select
import subprocess
import sys

from infra.local import guard

DEADLINE_S = 30.0

STARTER = """
import subprocess, sys, time
guarded = subprocess.Popen(
    [sys.executable, "-S", "-E", sys.argv[1], "sh", "-c", "sleep 600 & echo $!; wait"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, text=True,
)
print(guarded.stdout.readline().strip(), flush=True)
time.sleep(600)
"""


def has_ended(pid_descriptor: int) -> bool:
    """True when the process ends before the deadline."""
    ended, _, _ = select.select([pid_descriptor], [], [], DEADLINE_S)
    return bool(ended)


def test_a_grandchild_ends_when_the_starter_is_killed() -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, guard.__file__], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    grandchild = os.pidfd_open(int(starter.stdout.readline()))
    try:
        starter.kill()
        starter.wait()
        assert has_ended(grandchild)
    finally:
        starter.stdout.close()
        os.close(grandchild)


def test_the_guard_ends_with_its_command() -> None:
    guarded = subprocess.Popen(
        [sys.executable, "-S", "-E", guard.__file__, "true"], stdin=subprocess.PIPE, start_new_session=True
    )
    assert guarded.stdin is not None
    try:
        assert guarded.wait(timeout=DEADLINE_S) is not None
    finally:
        guarded.stdin.close()
