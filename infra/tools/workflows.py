"""`python -m infra.tools.workflows`, a part of `make lint`: actionlint over `.github/workflows`.

Without Go, or without its sources, it says so and is content: the workflow `ci` has both.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from infra.tools.catalogue import ACTIONLINT
from infra.tools.errors import ToolUnavailable
from infra.tools.go import built
from infra.tools.settings import ToolSettings


def main() -> int:
    """The exit status of actionlint, or 0 where it can't be had."""
    try:
        actionlint = built(ACTIONLINT, ToolSettings())
    except ToolUnavailable as error:
        click.echo(f"workflows not checked: {error}", err=True)
        return 0
    # Its own look at shell scripts depends on what is installed; the scripts are short.
    files = sorted(map(str, Path(".github/workflows").glob("*.yml")))
    done = subprocess.run([actionlint, "-shellcheck=", "-pyflakes=", *files], check=False)
    if done.returncode == 0:
        click.echo(f"actionlint: {len(files)} workflows are sound")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
