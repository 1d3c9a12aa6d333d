"""Makes an image with a Docker-compatible builder: docker, podman, buildah, nerdctl.

    wheel of this clone → one `build` a component → (push)

Everything that tells one build from the next comes from the commit: its time, its id. The same commit on
the same base gives the same tree.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from infra.docker.catalogue import ROOT, Image
from infra.docker.errors import BuildFailed

DOCKERFILE: Final = ROOT / "infra" / "docker" / "Dockerfile"
DIST: Final = ROOT / "dist"


@dataclass(frozen=True, slots=True)
class Commit:
    """What is built from."""

    revision: str
    epoch_s: int

    @property
    def moment(self) -> str:
        """Its time, RFC 3339."""
        return datetime.fromtimestamp(self.epoch_s, UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Builder:
    """How images are made and named.

    Parameters
    ----------
    command
        The builder and what stands before `build`, e.g. `docker --host unix:///run/other.sock`.
    base_image
        A Debian with Python and venv; None: the Dockerfile's.
    registry
        What stands before the repository, with no slash at its end; empty: a local name.
    options
        Handed to `build` as they are, e.g. `--network host`.
    """

    command: tuple[str, ...]
    base_image: str | None
    registry: str
    tag: str
    options: tuple[str, ...] = ()

    def name(self, image: Image) -> str:
        """The image's full name."""
        repository = f"{self.registry}/{image.repository}" if self.registry else image.repository
        return f"{repository}:{self.tag}"

    def build(self, image: Image, commit: Commit) -> None:
        """Build it from the wheel in dist/. Raises BuildFailed."""
        arguments = {
            "IMAGE": image.name,
            "TITLE": image.title,
            "VERSION": self.tag,
            "REVISION": commit.revision,
            "CREATED": commit.moment,
            "SOURCE_DATE_EPOCH": str(commit.epoch_s),
        }
        if self.base_image:
            arguments["BASE_IMAGE"] = self.base_image
        told = [option for name, value in arguments.items() for option in ("--build-arg", f"{name}={value}")]
        self._run(
            "build", "--file", str(DOCKERFILE), "--target", image.stage, "--tag", self.name(image),
            *told, *self.options, ".",
        )  # fmt: skip

    def push(self, image: Image) -> None:
        """Push it to its registry. Raises BuildFailed."""
        self._run("push", self.name(image))

    def _run(self, *arguments: str) -> None:
        done = subprocess.run([*self.command, *arguments], cwd=ROOT, check=False)
        if done.returncode != 0:
            raise BuildFailed(f"{self.command[0]} {arguments[0]} ended with status {done.returncode}")


def commit_here() -> Commit:
    """The commit of this clone. Raises BuildFailed outside of one."""
    said = _output("git", "log", "-1", "--format=%H %ct")
    revision, epoch_s = said.split()
    return Commit(revision, int(epoch_s))


def make_wheel(commit: Commit) -> Path:
    """The wheel of this clone in dist/, the only one there. Raises BuildFailed."""
    DIST.mkdir(exist_ok=True)
    for old in DIST.glob("scorestream-*.whl"):
        old.unlink()
    _output(
        "env", f"SOURCE_DATE_EPOCH={max(commit.epoch_s, _ZIP_BEGINS_S)}",
        str(Path(sys.executable).parent / "uv"), "build", "--quiet", "--wheel", "--no-build-isolation",
        "--python", sys.executable, "--out-dir", str(DIST),
    )  # fmt: skip
    (wheel,) = DIST.glob("scorestream-*.whl")
    return wheel


#: 1980-01-02: a wheel is a zip, which knows no earlier time.
_ZIP_BEGINS_S: Final = 315_619_200


def build_all(builder: Builder, images: Iterable[Image], *, is_pushed: bool) -> list[str]:
    """The names of what was built, and pushed if asked to."""
    commit = commit_here()
    make_wheel(commit)
    names = []
    for image in images:
        builder.build(image, commit)
        if is_pushed:
            builder.push(image)
        names.append(builder.name(image))
    return names


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildFailed(f"{command[0]}: {done.stderr.strip()[-1000:]}")
    return done.stdout
