"""Builds a Go program into the cache, and finds the source folder of a Go module."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from infra.tools.catalogue import GoProgram
from infra.tools.errors import ToolUnavailable
from infra.tools.settings import ToolSettings


def built(program: GoProgram, settings: ToolSettings) -> Path:
    """The program, built first if it is not there; stopped half-way, Go's own cache goes on next time.

    Raises ToolUnavailable without Go, or when its sources can't be had.
    """
    path = program.path(settings)
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft-{os.getpid()}")
    stamps = [f"-X {stamp.format(version=program.version)}" for stamp in program.stamps]
    flags = " ".join(["-s", "-w", *stamps])
    _go("build", "-trimpath", "-ldflags", flags, "-o", str(draft), program.package, folder=program.folder)
    draft.replace(path)
    return path


def module_folder(module: str, version: str) -> Path:
    """Where Go keeps the sources of a module, downloaded and checked against Go's checksum log."""
    said = _go("mod", "download", "-json", f"{module}@v{version}", folder=Path("/"))
    return Path(json.loads(said)["Dir"])


def _go(*arguments: str, folder: Path) -> str:
    go = shutil.which("go")
    if go is None:
        raise ToolUnavailable("needs Go 1.26 or newer; on Debian: apt-get install golang")
    done = subprocess.run([go, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolUnavailable(f"go {arguments[0]} failed in {folder}:\n{done.stderr[-2000:]}")
    return done.stdout
