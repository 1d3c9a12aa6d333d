"""`scorestream rollback`: let the version before decide again."""

from __future__ import annotations

import click

from scorestream.commands import registry_options as options


@click.command()
@click.argument("version", required=False)
@options.tracking_uri
@options.model_name
@options.bootstrap_servers
@options.notify
def rollback(
    *, version: str | None, tracking_uri: str, model_name: str, bootstrap_servers: str, notify: bool
) -> None:
    """Make VERSION Production again, or the one before the present if none is given.

    Only its bundle is checked: no comparison stands in the way of going back. As fast as promoting;
    rolling back twice returns to where you were.
    """
    from training.mlflow_registry import MlflowRegistry  # noqa: PLC0415 - seconds of imports, not for --help
    from training.registry import roll_back  # noqa: PLC0415

    with options.errors_as_messages():
        promoted = roll_back(
            MlflowRegistry(tracking_uri), name=model_name, version=version, occasion=options.occasion_now()
        )
        options.announce(promoted, servers=bootstrap_servers, is_notifying=notify)
