"""`scorestream rollback`: let the version before decide again."""

from __future__ import annotations

from typing import Any

import click

from scorestream.commands import registry_options as options


@click.command()
@click.argument("version", required=False)
@options.tracking_uri
@options.model_name
@options.telling
def rollback(
    *, version: str | None, tracking_uri: str, model_name: str, bootstrap_servers: str, **following: Any
) -> None:
    """Make VERSION Production again, or the one before the present if none is given.

    Only its bundle is checked: no comparison stands in the way of going back to what has been Production
    before. As fast as promoting, and told by the same scorers; rolling back twice returns to where you were.

    \b
    The version that decided before this one:
      scorestream rollback
    An older one:
      scorestream rollback 3
    """
    from training.mlflow_registry import MlflowRegistry  # noqa: PLC0415 - seconds of imports, not for --help
    from training.registry import roll_back  # noqa: PLC0415

    with options.errors_as_messages():
        promoted = roll_back(
            MlflowRegistry(tracking_uri),
            name=model_name,
            version=version,
            occasion=options.occasion_now(),
            publish=options.publisher(bootstrap_servers),
        )
        options.follow_up(promoted, **following)
