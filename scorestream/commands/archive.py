"""`scorestream archive`: run it, compact it."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


@click.group(invoke_without_command=True)
@click.option("--host", help="Address of /healthz, /readyz, /metrics (ARCHIVE_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Its port (ARCHIVE_PORT, default 8005); 0: any free one.")
@click.option("--store", help="Where the files go: a folder, gs://… or s3://… (ARCHIVE_STORE).")
@click.pass_context
def archive(context: click.Context, /, **options: Any) -> None:
    """Run the archive until SIGTERM, or work on its files.

    Predictions and outcomes become Parquet by date and hour, each record once, whatever happens. Every
    setting is an ARCHIVE_… variable, the connection to Kafka KAFKA_…; how to read it: docs/archive.md.
    """
    from training.archive.settings import ArchiveSettings  # noqa: PLC0415 - not for --help

    given = {name: value for name, value in options.items() if value is not None}
    context.obj = ArchiveSettings(**given)
    if context.invoked_subcommand is not None:
        return
    from training.archive.__main__ import run  # noqa: PLC0415

    sys.exit(run(context.obj))


@archive.command()
@click.pass_context
def compact(context: click.Context, /) -> None:
    """Make few large files of the many small ones of past hours. Beside the running archive, any time.

    Killed in the middle nothing is lost; the next run clears up.
    """
    from training.archive.compact import compact as run  # noqa: PLC0415
    from training.archive.errors import ArchiveError  # noqa: PLC0415
    from training.archive.store import ArchiveStore  # noqa: PLC0415

    settings = context.obj
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("compacting", total=None)
            done = run(
                ArchiveStore(settings.store),
                settings.topics,
                said=lambda step, of: bar.update(task, completed=step, total=of),
            )
    except ArchiveError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{done.merged:,} files became {done.into:,}; {done.removed:,} were not needed any more")


@archive.command()
@click.pass_context
def gaps(context: click.Context, /) -> None:
    """List the offsets that retention removed before they were archived; ends with 1 if there are any."""
    from training.archive.errors import ArchiveError  # noqa: PLC0415
    from training.archive.store import ArchiveStore  # noqa: PLC0415

    try:
        found = ArchiveStore(context.obj.store).gaps()
    except ArchiveError as error:
        raise click.ClickException(str(error)) from error
    for gap in found:
        place = f"{gap.place.topic}/{gap.place.partition}"
        click.echo(
            f"{place}: offsets {gap.first} to {gap.last}, {gap.records:,} records, found {gap.found_at}"
        )
    if not found:
        click.echo("no gap was ever found")
    sys.exit(1 if found else 0)
