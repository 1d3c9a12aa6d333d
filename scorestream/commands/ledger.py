"""`scorestream ledger`: run it, rebuild it, forget old months."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from contracts.lanes import Lane

if TYPE_CHECKING:
    from gateway.ledger.rebuild import Rebuilt

_lane = click.option(
    "--lane",
    type=click.Choice([*(lane.value for lane in Lane), "all"]),
    default="all",
    show_default=True,
    help="Whose tables.",
)


@click.group(invoke_without_command=True)
@click.option("--host", help="Address to listen on (LEDGER_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (LEDGER_PORT, default 8004).")
@click.pass_context
def ledger(context: click.Context, /, **options: Any) -> None:
    """Run the ledger until SIGTERM, or work on its tables.

    Every setting is a LEDGER_… variable (LEDGER_DATABASE_URL: a SQLite file or PostgreSQL), the
    connection to Kafka KAFKA_…; see gateway/ledger/settings.py and docs/ledger.md.
    """
    if context.invoked_subcommand is not None:
        return
    from gateway.ledger.__main__ import run  # noqa: PLC0415 - only this command needs FastAPI
    from gateway.ledger.settings import LedgerSettings  # noqa: PLC0415

    given = {name: value for name, value in options.items() if value is not None}
    sys.exit(run(LedgerSettings(**given)))


@ledger.command()
@_lane
@click.option(
    "--check", "is_comparison", is_flag=True, help="Only compare with the log; ends with 1 if they differ."
)
def rebuild(*, lane: str, is_comparison: bool) -> None:
    """Rebuild the tables from the log, beside those that serve, and swap them in at the end.

    The ledger may run meanwhile and goes on in the new tables. What the log no longer has is carried
    over from the old ones. Interrupted, nothing has changed.
    """
    from gateway.ledger.rebuild import rebuild_lane  # noqa: PLC0415 - needs SQLAlchemy
    from gateway.ledger.settings import LedgerSettings  # noqa: PLC0415

    settings = LedgerSettings()
    is_different = False
    for one in _lanes(lane):
        with _errors_as_messages(), _progress_bar() as progress:
            bar = _Bar(progress, f"{one.value} lane")
            rebuilt = asyncio.run(rebuild_lane(one, settings, bar, is_comparison=is_comparison))
        click.echo(_said(rebuilt, is_comparison=is_comparison))
        is_different |= rebuilt.different_rows > 0
    sys.exit(1 if is_different else 0)


@ledger.command()
@_lane
@click.option(
    "--keep-months", type=click.IntRange(min=0), required=True, help="Full months besides this one."
)
def forget(*, lane: str, keep_months: int) -> None:
    """Remove the rows of older months. LEDGER_RETENTION_MONTHS does the same every hour."""
    from gateway.ledger.database import open_lane  # noqa: PLC0415 - needs SQLAlchemy
    from gateway.ledger.retention import forget_old_months  # noqa: PLC0415
    from gateway.ledger.settings import LedgerSettings  # noqa: PLC0415

    settings = LedgerSettings()
    with _errors_as_messages():
        for one in _lanes(lane):
            removed = forget_old_months(open_lane(settings.database_url, one), keep_months=keep_months)
            click.echo(f"{one.value} lane: {removed:,} applications removed")


class _Bar:
    """Records read, of how many, and how fast."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task(name, total=None, rate="")

    def begin(self, records: int) -> None:
        self._progress.update(self._task, total=records)

    def advance(self, records: int) -> None:
        self._progress.update(self._task, advance=records)
        task = self._progress.tasks[self._task]
        if task.speed:
            self._progress.update(self._task, rate=f"{task.speed:,.0f}/s")


def _progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _said(rebuilt: Rebuilt, *, is_comparison: bool) -> str:
    read = f"{rebuilt.lane.value} lane: {rebuilt.records:,} records, {rebuilt.rows:,} applications"
    if not is_comparison:
        return f"{read}, {rebuilt.carried_over:,} facts carried over; in use now"
    if not rebuilt.different_rows:
        return f"{read}; the tables are what the log says"
    return f"{read}; {rebuilt.different_rows:,} rows differ, among them {', '.join(rebuilt.differences)}"


def _lanes(chosen: str) -> list[Lane]:
    return list(Lane) if chosen == "all" else [Lane(chosen)]


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    from gateway.ledger.errors import LedgerError  # noqa: PLC0415

    try:
        yield
    except LedgerError as error:
        raise click.ClickException(str(error)) from error
