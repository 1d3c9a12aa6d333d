"""`scorestream dlq`: look at dead letters and put them back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import click
from aiokafka.errors import KafkaError
from rich.table import Table

from contracts import headers
from contracts.errors import DeadLetterReason
from infra.runtime.complaints import keep_complaints
from infra.runtime.kafka import KafkaConnection
from scorestream.console import cluster_error, table_console
from scorestream.dead_letters import DeadLetter, Redrive, dead_letters
from scorestream.dead_letters import redrive as put_back

_DETAIL_CHARS: Final = 80

T = TypeVar("T")

_since = click.option(
    "--since-hours", type=click.FloatRange(min=0), help="Only those of the last hours; by default all."
)
_reason = click.option(
    "--reason",
    type=click.Choice([reason.value for reason in DeadLetterReason]),
    help="Only those put aside for this reason.",
)


@click.group()
def dlq() -> None:
    """Applications that could not be decided: which, why, and putting them back.

    A dead letter is named partition@offset, as `list` prints it. The cluster is
    KAFKA_BOOTSTRAP_SERVERS.
    """
    keep_complaints()


@dlq.command(name="list")
@_since
@_reason
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(min=1), help="The newest so many."
)
def list_letters(since_hours: float | None, reason: str | None, limit: int) -> None:
    """Show dead letters, the newest last, and how many there are by reason."""
    found = _letters(since_hours, lambda letter: reason is None or letter.reason == reason)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("at", "when", "application", "reason", "source", "tries", "detail"):
        table.add_column(column, overflow="fold")
    for letter in sorted(found, key=lambda letter: letter.at)[-limit:]:
        source = f"{letter.header(headers.DLQ_SOURCE_TOPIC)}[{letter.header(headers.DLQ_SOURCE_PARTITION)}]"
        table.add_row(
            letter.place,
            letter.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            letter.application_id,
            letter.reason,
            f"{source}@{letter.header(headers.DLQ_SOURCE_OFFSET)}",
            letter.header(headers.DLQ_ATTEMPTS),
            letter.header(headers.DLQ_DETAIL)[:_DETAIL_CHARS],
        )
    console = table_console()
    if found:
        console.print(table, markup=False)
    counts = Counter(letter.reason for letter in found)
    counted = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    console.print(f"{len(found)} dead letters" + (f": {counted}" if counted else ""))


@dlq.command()
@click.argument("place")
@click.option("--raw", is_flag=True, help="The value's bytes only, to standard output.")
def show(place: str, raw: bool) -> None:
    """Show one dead letter whole. It holds applicant data: mind where it goes."""
    (letter,) = _letters(None, lambda letter: letter.place == place) or (None,)
    if letter is None:
        raise click.ClickException(f"there is no dead letter {place}; see: scorestream dlq list")
    if raw:
        click.get_binary_stream("stdout").write(letter.value or b"")
        return
    for name, value in letter.headers:
        click.echo(f"{name}: {value.decode(errors='backslashreplace')}")
    click.echo(f"key: {(letter.key or b'').decode(errors='backslashreplace')}")
    click.echo((letter.value or b"").decode(errors="backslashreplace"))


@dlq.command()
@click.argument("places", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Every dead letter that the options choose.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@_since
@_reason
def redrive(
    places: tuple[str, ...], is_all: bool, dry_run: bool, since_hours: float | None, reason: str | None
) -> None:
    """Put dead letters back on their topic, with their ids.

    Do it once the cause is mended: what still can't be decided comes back here. An application
    that has a decision by now is left alone.
    """
    if bool(places) == is_all:
        raise click.UsageError("name dead letters (partition@offset), or give --all")
    chosen = set(places)
    found = _letters(
        since_hours,
        lambda letter: (is_all or letter.place in chosen) and (reason is None or letter.reason == reason),
    )
    missing = chosen - {letter.place for letter in found}
    if missing:
        raise click.ClickException(f"there is no dead letter {', '.join(sorted(missing))}")
    result: Redrive = _run(put_back(KafkaConnection(), found, is_dry_run=dry_run))
    for letter in result.sent:
        click.echo(_said(letter, "would be put back" if dry_run else "put back"))
    for letters, why in (
        (result.decided, "decided already, left alone"),
        (result.copies, "a copy of one that goes back, left alone"),
        (result.cut, "was cut to fit and can't be decided, left alone"),
        (result.foreign, "came from no topic of ours, left alone"),
    ):
        for letter in letters:
            click.echo(_said(letter, why))


def _said(letter: DeadLetter, what: str) -> str:
    return f"{letter.place}  {letter.application_id}  {what}"


def _letters(since_hours: float | None, is_wanted: Callable[[DeadLetter], bool]) -> list[DeadLetter]:
    since = None if since_hours is None else datetime.now(UTC) - timedelta(hours=since_hours)
    since_ms = 0 if since is None else int(since.timestamp() * 1000)

    async def read() -> list[DeadLetter]:
        letters = dead_letters(KafkaConnection(), since_ms=since_ms)
        return [letter async for letter in letters if is_wanted(letter)]

    found: list[DeadLetter] = _run(read())
    return found


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except KafkaError as error:
        raise cluster_error(error) from error
