"""Prometheus' own programs; where one is not installed, the test is skipped and says the mend."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

RULES = Path(__file__).resolve().parents[2] / "infra" / "prometheus"
_PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
}


def program(name: str) -> str:
    """Where `name` is; skips the test where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install --no-install-recommends {_PACKAGES[name]}")
    return found


def run(*command: str, folder: Path = RULES) -> str:
    """What a command that ends with 0 said; fails with what it said otherwise."""
    ended = subprocess.run(
        [program(command[0]), *command[1:]], capture_output=True, text=True, cwd=folder, check=False
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said
