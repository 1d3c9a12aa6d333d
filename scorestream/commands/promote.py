"""`scorestream promote`: make a version the one that decides."""

from __future__ import annotations

import click

from scorestream.commands import registry_options as options


@click.command()
@click.argument("version", required=False)
@options.tracking_uri
@options.model_name
@options.bootstrap_servers
@click.option("--force", is_flag=True, help="Promote although a gate says no; the bundle's own checks stay.")
@options.notify
def promote(
    *,
    version: str | None,
    tracking_uri: str,
    model_name: str,
    bootstrap_servers: str,
    force: bool,
    notify: bool,
) -> None:
    """Make VERSION Production, or the staged version if none is given.

    Its bundle must prove its golden scores, and it must pass the gates: data quality, leakage,
    calibration, fairness, latency, and not worse than Production on applicants that neither has learnt
    from. Who promoted, when and on which numbers is kept with the version. Then the registry's alias
    moves and every scorer is told over Kafka. Doing it twice does no harm: if Kafka was away, do it again.
    """
    from training.mlflow_registry import MlflowRegistry  # noqa: PLC0415 - seconds of imports, not for --help
    from training.registry import promote as make_production  # noqa: PLC0415

    with options.errors_as_messages():
        promoted = make_production(
            MlflowRegistry(tracking_uri),
            name=model_name,
            version=version,
            occasion=options.occasion_now(),
            force=force,
        )
        options.announce(promoted, servers=bootstrap_servers, is_notifying=notify)
