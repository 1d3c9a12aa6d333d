"""`scorestream score-batch`: a file of applications through the batch lane."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import click
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from contracts.identity import LOCAL_CLIENT
from infra.runtime.complaints import keep_complaints
from infra.runtime.kafka import KafkaConnection
from infra.runtime.priority import step_back
from scorestream.console import cluster_error

_COLUMNS: Final = (
    TextColumn("{task.description}"),
    BarColumn(),
    TaskProgressColumn(),
    TextColumn("{task.fields[rate]}"),
    TimeRemainingColumn(),
    TextColumn("{task.fields[counted]}", style="dim"),
)


@click.command(name="score-batch")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Parquet file of decisions."
)
@click.option(
    "--window",
    default=20_000,
    show_default=True,
    type=click.IntRange(min=1_000),
    help="Most applications sent and not decided at any time.",
)
@click.option(
    "--client-id",
    default=LOCAL_CLIENT,
    show_default=True,
    help="Whose applications these are: the client whose API key fetches them by id.",
)
@click.option(
    "--nice",
    "niceness",
    default=10,
    show_default=True,
    type=click.IntRange(0, 19),
    help="How far this process steps back for others on this machine.",
)
def score_batch(file: Path, out: Path, window: int, client_id: str, niceness: int) -> None:
    """Score FILE (.csv or .parquet with Home Credit columns) and write OUT, one row per application.

    Needs a worker of the lane: scorestream scorer --lane batch. Can be stopped at any moment; the same
    command goes on where it was, and nothing is scored twice. Rows that can't be decided are in OUT
    with the reason of their dead letter. The cluster is KAFKA_BOOTSTRAP_SERVERS.
    """
    from scorestream.batch.rows import UnreadableFile  # noqa: PLC0415 - DuckDB, not for --help
    from scorestream.batch.run import BatchOptions, BatchProgress, BatchRun  # noqa: PLC0415
    from scorestream.batch.state import OtherBatch  # noqa: PLC0415

    keep_complaints()
    step_back(niceness)
    started = time.monotonic()
    with Progress(*_COLUMNS, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading the file", total=None, rate="", counted="")

        def report(progress: BatchProgress) -> None:
            speed = bar.tasks[0].speed or 0.0
            bar.update(
                task,
                description="scoring",
                total=progress.rows,
                completed=progress.done,
                rate=f"{speed:,.0f} rows/s",
                counted=f"{progress.sent:,} sent, {progress.dead:,} put aside",
            )

        run = BatchRun(file, out, BatchOptions(KafkaConnection(), window, client_id), report)
        try:
            results = asyncio.run(run.run())
        except (UnreadableFile, OtherBatch) as error:
            raise click.ClickException(str(error)) from error
        except KafkaError as error:
            raise cluster_error(error) from error
        except KeyboardInterrupt:
            raise click.ClickException("stopped; the same command goes on from here") from None
    seconds = time.monotonic() - started
    click.echo(
        f"{results.rows - results.dead:,} decided, {results.dead:,} put aside in {seconds:,.1f} s "
        f"({results.rows / seconds:,.0f} rows/s); written to {out}"
    )
