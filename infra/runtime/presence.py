"""Where a process of this machine can be asked how it does: a small file each, for `scorestream status`.

A second worker listens on any free port; this is how it is found. On Kubernetes nobody reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Present:
    """A process that announced itself and still runs."""

    name: str
    url: str
    pid: int


@contextmanager
def announced(run_dir: Path, name: str, url: str) -> Iterator[None]:
    """Have `name` found at `url` while the block lasts; a folder that can't be written is only logged."""
    file = run_dir / f"{name}-{os.getpid()}.json"
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"name": name, "url": url, "pid": os.getpid()}))
    except OSError as error:
        log.warning("status will not find this process", folder=str(run_dir), error=str(error))
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()


def present(run_dir: Path) -> list[Present]:
    """The processes announced in `run_dir` that run; files of dead ones are removed."""
    found: list[Present] = []
    for file in sorted(run_dir.glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(file.read_text())
            one = Present(said["name"], said["url"], said["pid"])
            if _is_running(one.pid):
                found.append(one)
            else:
                file.unlink()
    return found


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
