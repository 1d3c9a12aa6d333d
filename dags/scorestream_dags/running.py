"""Runs a command line inside a task: its output in the task's log, its last line as the task's result."""

from __future__ import annotations

import json
import logging
import subprocess
from typing import Any

log = logging.getLogger(__name__)

_GRACE_S = 30


def run_command(executable: str, *arguments: str, has_result: bool = False) -> Any:
    """What the last line says, as JSON, if there is a result; RuntimeError unless the command ends with 0.

    A task that is stopped stops its command, which cleans up, and kills it after a grace.
    """
    log.info("running %s", " ".join((executable, *arguments)))
    process = subprocess.Popen(
        [executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    last = ""
    try:
        for line in process.stdout or ():
            log.info("%s", line.rstrip())
            last = line.strip() or last
        status = process.wait()
    finally:
        _stop(process)
    if status != 0:
        raise RuntimeError(f"{executable} {arguments[0]} ended with {status}: {last}")
    return json.loads(last) if has_result else None


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
