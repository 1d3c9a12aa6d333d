"""`scorestream drift`: whether a period's applications are still those of training."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from scorestream.commands import registry_options as options
from scorestream.commands.cluster_options import bootstrap_servers

if TYPE_CHECKING:
    from contracts.events import DriftReported
    from training.drift.run import DriftRun, Period
    from training.history import Snapshots

#: What the exit status says of the verdict; 1 is a failure as everywhere.
_STATUS: Final = {"no drift": 0, "drift": 10, "not enough": 11}
#: As click has it, and with a zone, as Airflow and people write it.
_MOMENT: Final = click.DateTime(
    ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"]
)


@click.command()
@click.option(
    "--from",
    "since",
    type=_MOMENT,
    help="Decided from this moment, UTC.  [default: a day before --to]",
)
@click.option("--to", "until", type=_MOMENT, help="Decided before this moment, UTC.  [default: now]")
@click.option(
    "--archive",
    envvar="ARCHIVE_STORE",
    default=".run/archive",
    show_default=True,
    show_envvar=True,
    help="The archive: a folder, gs://… or s3://…",
)
@click.option(
    "--store",
    envvar="FEATURES_STORE",
    default=".run/features/store",
    show_default=True,
    show_envvar=True,
    help="Store of feature snapshots, for the history of each application.",
)
@click.option(
    "--performance-days",
    default=365.0,
    show_default=True,
    help="An outcome counts so long after its decision.",
)
@click.option(
    "--outcome-days",
    default=90.0,
    show_default=True,
    help="Performance is judged by what matured in so many days before --to.",
)
@options.tracking_uri
@options.model_name
@bootstrap_servers
@click.option("--no-publish", is_flag=True, help="Only look: nothing to MLflow, nothing to Kafka.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the report into this folder.")
@click.option("--exit-zero", is_flag=True, help="End with 0 whatever the verdict is, for schedulers.")
@click.option("--result-file", type=click.Path(path_type=Path), help="Also write the last line here.")
def drift(
    *,
    since: datetime | None,
    until: datetime | None,
    exit_zero: bool,
    result_file: Path | None,
    **choices: Any,
) -> None:
    """Compare what was decided in a period with what the model in Production was trained on.

    Columns (PSI of each), scores, approval rate, missing and new values, and, of loans that this very model
    granted and whose performance window is over, AUC, cost, calibration and default rate. The report goes to
    MLflow, DriftReported to Kafka. The last line is that event as JSON.

    \b
    Exit status: 0 no drift · 10 drift · 11 not enough to say · 1 the run failed
    """
    period = _period(since, until, choices.pop("performance_days"), choices.pop("outcome_days"))
    with options.errors_as_messages():
        reported = _run(period, **choices)
    line = _as_line(reported)
    if result_file is not None:
        result_file.parent.mkdir(parents=True, exist_ok=True)
        result_file.write_text(line + "\n", encoding="utf-8")
    _say(reported)
    click.echo(line)
    sys.exit(0 if exit_zero else _STATUS[reported.verdict])


def _period(
    since: datetime | None, until: datetime | None, performance_days: float, outcome_days: float
) -> Period:
    from training.drift.run import Period  # noqa: PLC0415 - seconds of imports, not for --help

    end = datetime.now(UTC) if until is None else _utc(until)
    begin = end - timedelta(days=1) if since is None else _utc(since)
    if begin >= end:
        raise click.UsageError("--from must be before --to")
    return Period(begin, end, timedelta(days=performance_days), timedelta(days=outcome_days))


def _utc(moment: datetime) -> datetime:
    """Without a zone it is UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _run(period: Period, *, no_publish: bool, out: Path | None, **choices: Any) -> DriftReported:
    from infra.runtime.kafka import KafkaConnection  # noqa: PLC0415
    from training.drift.page import write_report  # noqa: PLC0415
    from training.drift.publish import Filed, drift_reported, file_report, publish  # noqa: PLC0415

    tracking_uri = choices["tracking_uri"]
    run = _found(
        period,
        archive=choices["archive"],
        store=choices["store"],
        tracking_uri=tracking_uri,
        model_name=choices["model_name"],
    )
    if out is not None:
        write_report(out, run)
    if no_publish:
        return drift_reported(run, Filed("", "" if out is None else str(out)))
    reported = drift_reported(run, file_report(tracking_uri, run))
    connection = KafkaConnection(bootstrap_servers=choices["bootstrap_servers"])
    asyncio.run(publish(reported, connection.client_options()))
    return reported


def _found(period: Period, *, archive: str, store: str, tracking_uri: str, model_name: str) -> DriftRun:
    from training.archive.store import ArchiveStore  # noqa: PLC0415
    from training.drift.reference import reference_of_production  # noqa: PLC0415
    from training.drift.run import run_drift  # noqa: PLC0415
    from training.mlflow_registry import MlflowRegistry  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("fetching the reference", total=1.0)
        reference = reference_of_production(MlflowRegistry(tracking_uri), model_name)
        return run_drift(
            ArchiveStore(archive),
            reference,
            period,
            snapshots=_snapshots(store),
            progress=lambda stage, share: bar.update(task, description=stage, completed=share),
        )


def _snapshots(store: str) -> Snapshots:
    from feature_service.settings import FeatureSettings  # noqa: PLC0415
    from feature_service.store import SnapshotStore  # noqa: PLC0415
    from training.snapshots import StoredSnapshots  # noqa: PLC0415

    return StoredSnapshots(SnapshotStore(store), FeatureSettings().cache)


def _as_line(reported: DriftReported) -> str:
    from contracts.events import encode  # noqa: PLC0415

    return encode(reported).decode()


def _say(reported: DriftReported) -> None:
    about = f"{reported.applications:,} applications, {reported.outcomes:,} matured outcomes"
    verdicts = f"{reported.verdict}; performance: {reported.performance_verdict}"
    click.echo(f"{reported.model_name} version {reported.model_version}: {verdicts} ({about})")
    for finding in reported.findings:
        click.echo(f"  {finding}")
    for lacking in reported.lacking:
        click.echo(f"  not enough: {lacking}")
    if reported.report_uri:
        click.echo(f"report: {reported.report_uri}")
