"""A Docker engine for tests, and a base image where none can be pulled.

The engine that DOCKER_HOST or the usual socket names, else one of the test's own (`dockerd`, as root),
without networks: containers use the machine's. The base is a minimal Debian by debootstrap, made once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from infra.tools.settings import ToolSettings

BASE: Final = "scorestream-base:bookworm"
_CERTIFICATES: Final = "/etc/ssl/certs/ca-certificates.crt"
_START_S: Final = 60


class NoEngine(Exception):
    """There is no Docker engine here and none can be started; says why."""


class DockerEngine:
    """An engine, spoken to by the command line."""

    def __init__(self, host: str) -> None:
        self.host = host

    @property
    def command(self) -> tuple[str, ...]:
        """The client, pointed at the engine."""
        return ("docker", "--host", self.host)

    def run(self, *arguments: str, stdin: Path | None = None) -> str:
        """What the client prints; AssertionError with its complaint if it fails."""
        source = subprocess.DEVNULL if stdin is None else stdin.open("rb")
        done = subprocess.run(
            [*self.command, *arguments], stdin=source, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr[-2000:]}"
        return done.stdout.strip()

    def answers(self) -> bool:
        """Whether it is there."""
        return subprocess.run([*self.command, "info"], capture_output=True, check=False).returncode == 0

    def has(self, image: str) -> bool:
        """Whether the image is there."""
        return bool(self.run("images", "--quiet", image))


@contextlib.contextmanager
def docker_engine(folder: Path) -> Iterator[DockerEngine]:
    """An engine while the block lasts. Raises NoEngine."""
    if shutil.which("docker") is None:
        raise NoEngine("the client `docker` is not installed (Debian: apt-get install docker.io)")
    there = DockerEngine(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    if there.answers():
        yield there
        return
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        raise NoEngine("no engine answers, and `dockerd` is not installed or this is not root")
    engine = DockerEngine(f"unix://{folder / 'docker.sock'}")
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                "dockerd", "--host", engine.host, "--data-root", folder / "images",
                "--exec-root", folder / "run",
                "--pidfile", folder / "docker.pid", "--iptables=false", "--ip6tables=false", "--bridge=none",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_S
        while not engine.answers():
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise NoEngine(f"dockerd does not start: {(folder / 'dockerd.log').read_text()[-800:]}")
            time.sleep(0.2)
        yield engine
    finally:
        daemon.terminate()
        daemon.wait(60)
        # It leaves the network of its containers mounted, and no test's folder could be removed.
        subprocess.run(["umount", "--lazy", folder / "run" / "netns" / "default"], check=False)


def ensure_base(engine: DockerEngine) -> str:
    """Name of a base image with Python, made here unless it is there. Raises NoEngine."""
    if not engine.has(BASE):
        change = f"ENV PIP_CERT={_CERTIFICATES} SSL_CERT_FILE={_CERTIFICATES}"
        engine.run("import", "--change", change, "-", BASE, stdin=_root_file_system(ToolSettings()))
    return BASE


def _root_file_system(settings: ToolSettings) -> Path:
    kept = settings.cache / "base-bookworm.tar"
    if kept.exists():
        return kept
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        raise NoEngine("a base image needs debootstrap and root (Debian: apt-get install debootstrap)")
    tree = settings.cache / "base-bookworm"
    shutil.rmtree(tree, ignore_errors=True)
    settings.cache.mkdir(parents=True, exist_ok=True)
    packages = "--include=python3,python3-venv,ca-certificates"
    subprocess.run(
        ["debootstrap", "--variant=minbase", packages, "bookworm", tree], check=True, capture_output=True
    )
    # What this machine trusts, the image trusts: builds go through the same proxies.
    shutil.copy(_CERTIFICATES, tree / _CERTIFICATES.lstrip("/"))
    draft = kept.with_suffix(".draft")
    subprocess.run(["tar", "--directory", tree, "--create", "--file", draft, "."], check=True)
    shutil.rmtree(tree)
    draft.replace(kept)
    return kept
