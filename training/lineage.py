"""Fingerprints of what a model is made from, so that equal inputs are recognised and not trained twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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


def inputs_digest(
    *, sha256: Mapping[str, str], code: str, parameters: Mapping[str, object], seed: int
) -> str:
    """SHA-256, hexadecimal, of all that decides what a training run yields."""
    inputs = {"sha256": dict(sha256), "code": code, "parameters": dict(parameters), "seed": seed}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
