"""`scorestream promote`: make a version the one that decides."""

from __future__ import annotations

from typing import Any

import click

from scorestream.commands import registry_options as options


@click.command()
@click.argument("version", required=False)
@options.tracking_uri
@options.model_name
@click.option("--force", is_flag=True, help="Promote although a gate says no; the bundle's own checks stay.")
@click.option(
    "--once",
    is_flag=True,
    help="Do nothing if VERSION was Production before and has been replaced: for schedules, which train the"
    " same again.",
)
@options.telling
def promote(
    *,
    version: str | None,
    tracking_uri: str,
    model_name: str,
    force: bool,
    once: bool,
    bootstrap_servers: str,
    **following: Any,
) -> None:
    """Make VERSION Production, or the staged version if none is given.

    Its bundle must prove its golden scores, and it must pass the gates: data quality, leakage,
    calibration, fairness, latency, and not worse than Production on applicants that neither has learnt
    from. Who promoted, when and on which numbers is kept with the version. Then the registry's alias
    moves, every scorer is told over Kafka and takes the version between two batches, and this command
    says which of them decide with it. It ends with 1 if a gate said no, or a scorer does not follow.

    \b
    The version that was staged last:
      scorestream promote
    A certain one, although a gate says no (the gate's answer is kept, too):
      scorestream promote 7 --force
    Telling a workflow on GitHub as well:
      PROMOTE_NOTIFY_REPOSITORY=owner/name PROMOTE_NOTIFY_TOKEN_FILE=token \\
          scorestream promote --notify

    Doing it twice does no harm: if Kafka was away, promote the same version again. To go back:
    scorestream rollback.
    """
    from training.errors import AlreadyReplaced  # noqa: PLC0415 - seconds of imports, not for --help
    from training.mlflow_registry import MlflowRegistry  # noqa: PLC0415
    from training.registry import promote as make_production  # noqa: PLC0415

    with options.errors_as_messages():
        try:
            promoted = make_production(
                MlflowRegistry(tracking_uri),
                name=model_name,
                version=version,
                occasion=options.occasion_now(),
                force=force,
                once=once,
                publish=options.publisher(bootstrap_servers),
            )
        except AlreadyReplaced as replaced:
            click.echo(str(replaced))
            return
        if version not in (None, promoted.version):
            click.echo(f"Version {version} is version {promoted.version} to the byte, which decides already.")
        options.follow_up(promoted, **following)
