"""`scorestream simulate`: applicants of a sample, shifted if asked, and what became of their loans."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from scorestream.client import AsyncScorestreamClient
from scorestream.simulation.run import Pace, Simulation, Tally, applicants
from scorestream.simulation.shifts import SHIFTS

_SHIFTS = " · ".join(f"{name}: {shift.meaning}" for name, shift in SHIFTS.items())

_PACE: Final = Pace()


@click.command(epilog=f"Shifts: {_SHIFTS}")
@click.option(
    "--data",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with application_train.csv and application_test.csv.",
)
@click.option(
    "--shift", type=click.Choice(list(SHIFTS)), default="none", show_default=True, help="Who applies."
)
@click.option(
    "--rate",
    default=_PACE.rate,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Applications a second.",
)
@click.option(
    "--days",
    default=_PACE.days,
    show_default=True,
    type=click.FloatRange(min=0.01),
    help="Simulated days of traffic.",
)
@click.option(
    "--day-seconds",
    default=_PACE.day_s,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="How long a simulated day lasts.",
)
@click.option(
    "--window-days",
    default=_PACE.window_days,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Simulated days until a loan's end is known.",
)
@click.option(
    "--url",
    envvar="GATEWAY_URL",
    default="http://127.0.0.1:8000",
    show_default=True,
    show_envvar=True,
    help="The gateway.",
)
@click.option(
    "--api-key",
    envvar="SCORESTREAM_API_KEY",
    show_envvar=True,
    help="With the scopes score and outcomes, where keys are on.",
)
@click.option("--seed", default=1, show_default=True, help="Same seed, same applicants.")
def simulate(*, folder: Path, shift: str, url: str, api_key: str | None, seed: int, **pace: Any) -> None:
    """Send applicants to the gateway at a constant rate, and their outcomes when these are due.

    Time is accelerated: with the defaults a day lasts 20 seconds and a loan's end is known after one.
    Approved and referred applicants get their loan. The last line says which --performance-days the readers
    of the outcomes must use, since they live in real time.

    \b
    The story of a model that grows old, with `make platform` up:
      scorestream simulate --data .run/sample-30000-7 --shift none
      scorestream simulate --data .run/sample-30000-7 --shift test
      then in Airflow: trigger drift_monitoring with since and until
    """
    told = Pace(
        rate=pace["rate"], days=pace["days"], day_s=pace["day_seconds"], window_days=pace["window_days"]
    )
    try:
        tally = asyncio.run(_run(folder, shift, told, url=url, api_key=api_key, seed=seed))
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    decided = ", ".join(f"{count:,} {name}" for name, count in sorted(tally.decisions.items()))
    undecided = tally.refused + tally.lost
    click.echo(f"{tally.sent:,} applications: {decided or 'none decided'}; {undecided:,} without a decision")
    click.echo(
        f"{tally.outcomes:,} outcomes, {tally.defaulted:,} of them defaults;"
        f" {tally.outcomes_refused:,} not taken"
    )
    click.echo(f"--performance-days {told.performance_days:.6f}")
    if not tally.decisions:
        raise click.ClickException(f"no application was decided; is the gateway at {url} up?")


async def _run(folder: Path, shift: str, pace: Pace, *, url: str, api_key: str | None, seed: int) -> Tally:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        sending = bar.add_task("applications", total=pace.applications)
        ending = bar.add_task("outcomes", total=pace.applications)

        def said(tally: Tally) -> None:
            granted = tally.decisions["approve"] + tally.decisions["refer"]
            bar.update(sending, completed=tally.sent)
            bar.update(ending, completed=tally.outcomes + tally.outcomes_refused, total=max(granted, 1))

        async with AsyncScorestreamClient(url, api_key=api_key) as client:
            story = Simulation(client, SHIFTS[shift], pace, seed=seed, said=said)
            return await story.run(applicants(folder, SHIFTS[shift], seed=seed))
