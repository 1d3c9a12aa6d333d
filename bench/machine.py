"""What the figures were made on, and what processes used: processor time and memory, from /proc."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_LIBRARIES: Final = (
    "aiokafka",
    "fastapi",
    "faust-streaming",
    "lightgbm",
    "mlflow",
    "msgspec",
    "numba",
    "numpy",
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds since its start, and memory in MB: resident, and what no other process shares."""

    cpu_s: float
    rss_mb: float
    anonymous_mb: float

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.cpu_s + other.cpu_s, self.rss_mb + other.rss_mb, self.anonymous_mb + other.anonymous_mb
        )


def facts() -> dict[str, Any]:
    """The machine, its load before anything was measured, and the versions of what was measured."""
    models = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory_kb = int(_field("/proc/meminfo", "MemTotal"))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory_kb / 1e6, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg(),
        "commit": commit.stdout.strip() or None,
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def usage(pid: int) -> Usage:
    """What a process and all below it use; nothing for one that is gone."""
    total = _one(pid)
    for child in _children()[pid]:
        total += usage(child)
    return total


def _one(pid: int) -> Usage:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        status = f"/proc/{pid}/status"
        return Usage(
            cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS,
            rss_mb=int(_field(status, "VmRSS")) / 1024,
            anonymous_mb=int(_field(status, "RssAnon")) / 1024,
        )
    except (OSError, StopIteration):
        return Usage(0.0, 0.0, 0.0)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            found[parent].append(int(entry.name))
    return found


def _field(path: str, name: str) -> str:
    return next(line.split(":")[1].split()[0] for line in _lines(path) if line.startswith(f"{name}:"))


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
