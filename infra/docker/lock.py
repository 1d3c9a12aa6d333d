"""`python -m infra.docker.lock`: each image's lock from pyproject.toml, held to the versions of all.txt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from infra.docker.catalogue import IMAGES, LOCKS, ROOT, Image


def main() -> int:
    """Write all of them; the exit status."""
    for one in IMAGES:
        subprocess.run(_command(one), cwd=ROOT, check=True)
    return 0


def _command(image: Image) -> list[str]:
    uv = str(Path(sys.executable).parent / "uv")
    extras = [option for extra in image.extras for option in ("--extra", extra)]
    command = [
        uv,
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
    ]
    command += ["--no-header", "--no-annotate", "--constraint", str(LOCKS / "all.txt")]
    return [*command, *extras, "pyproject.toml", "-o", str(image.lock)]


if __name__ == "__main__":
    sys.exit(main())
