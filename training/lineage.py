"""Fingerprints of what a model is made from, so that equal inputs are recognised and not trained twice."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent.parent
#: The sources that decide what a model becomes.
_SOURCES: Final = (
    "contracts/application_fields.py",
    "feature_service/*.py",
    "scorer/calibration.py",
    "scorer/golden.py",
    "scorer/manifest.py",
    "scorer/policy.py",
    "scorer/reasons.py",
    "scorer/structure.py",
    "training/*.py",
)


def code_digest() -> str:
    """SHA-256, hexadecimal, of the sources that turn applications into a bundle."""
    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for path in sorted(_ROOT.glob(pattern)):
            digest.update(path.relative_to(_ROOT).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def environment() -> str:
    """The lock of all libraries; what is installed, line by line, where there is no lock."""
    lock = _ROOT / "infra/locks/all.txt"
    if lock.is_file():
        return lock.read_text(encoding="utf-8")
    return "\n".join(
        sorted(f"{distribution.metadata['Name']}=={distribution.version}" for distribution in distributions())
    )


def environment_digest() -> str:
    """SHA-256, hexadecimal, of `environment`."""
    return hashlib.sha256(environment().encode()).hexdigest()


def code_commit() -> str | None:
    """The commit of the working tree, marked if it has changes; None outside of one."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=_ROOT, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip() or None


def inputs_digest(
    *, sha256: Mapping[str, str], code: str, parameters: Mapping[str, object], seed: int
) -> str:
    """SHA-256, hexadecimal, of all that decides what a training run yields."""
    inputs = {"sha256": dict(sha256), "code": code, "parameters": dict(parameters), "seed": seed}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
