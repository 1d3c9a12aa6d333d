from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from infra.kafka.watchdog import Watchdog, kill_when_orphaned

WAITS_FOR_EVER = [sys.executable, "-S", "-c", "import signal; signal.pause()"]


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(WAITS_FOR_EVER) as process:
        yield process
        process.kill()


def test_what_is_watched_is_killed_when_the_owner_is_gone(child: subprocess.Popen[bytes]) -> None:
    kill_when_orphaned(io.StringIO(f"+{child.pid}\n"))
    assert child.wait(timeout=10) == -signal.SIGKILL


def test_what_was_forgotten_is_left_alone(child: subprocess.Popen[bytes]) -> None:
    kill_when_orphaned(io.StringIO(f"+{child.pid}\n-{child.pid}\n"))
    assert child.poll() is None


def test_a_process_that_ended_before_is_no_error(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait(timeout=10)
    kill_when_orphaned(io.StringIO(f"+{child.pid}\n"))


def test_the_watching_process_kills_a_paused_child_when_its_owner_lets_go(
    child: subprocess.Popen[bytes],
) -> None:
    watchdog = Watchdog()
    watchdog.watch(child.pid)
    child.send_signal(signal.SIGSTOP)
    watchdog.close()
    assert child.wait(timeout=10) == -signal.SIGKILL
