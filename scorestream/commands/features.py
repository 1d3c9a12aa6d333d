"""``scorestream features``: build snapshots of the feature store, list features and snapshots, clean up."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from contracts.lanes import Lane
from feature_service.announce import announce, snapshot_published
from feature_service.build import BuildRequest, Built, GateReport, build_snapshot
from feature_service.catalogue import markdown
from feature_service.errors import FeatureServiceError
from feature_service.settings import FeatureSettings
from feature_service.sources import OPTIONAL_TABLES
from feature_service.store import SnapshotStore
from feature_service.vector import ALL_FEATURES
from infra.runtime.kafka import KafkaConnection

_DEFAULTS = FeatureSettings()
_store = click.option(
    "--store",
    "store_uri",
    default=_DEFAULTS.store,
    show_default=True,
    help="Snapshot store: a folder, gs://… or s3://…  (FEATURES_STORE)",
)


@click.group()
def features() -> None:
    """Features of applicants: build them, list them, serve them, look after their snapshots."""


@features.command()
@click.option(
    "--data",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with the eight Home Credit CSV files.",
)
@_store
@click.option(
    "--allow-missing",
    type=click.Choice(OPTIONAL_TABLES),
    multiple=True,
    help="Build although this table is not there; its features are missing. May be repeated.",
)
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb", show_default=True)
@click.option(
    "--spark-master", default="local[2]", show_default=True, help="Spark's master, with --engine spark."
)
@click.option(
    "--as-of",
    type=click.DateTime(),
    help="When the history was taken, UTC. Default: when the newest file was written.",
)
@click.option(
    "--bootstrap-servers",
    envvar="KAFKA_BOOTSTRAP_SERVERS",
    show_envvar=True,
    help="Announce the snapshot on these brokers. Default: not announced.",
)
def build(  # noqa: PLR0913  (one parameter per option)
    *,
    folder: Path,
    store_uri: str,
    allow_missing: tuple[str, ...],
    engine: str,
    spark_master: str,
    as_of: datetime | None,
    bootstrap_servers: str | None,
) -> None:
    """Compute all features of all applicants and publish them as a snapshot.

    Files are converted once and checked by the quality gate; what is critical stops the build and
    publishes nothing. A build of the same files by the same code is found, not repeated.
    """
    request = BuildRequest(
        folder=folder,
        cache=_DEFAULTS.cache,
        allow_missing=allow_missing,
        engine="spark" if engine == "spark" else "duckdb",
        spark_master=spark_master,
        memory_limit=_DEFAULTS.memory_limit,
        threads=_DEFAULTS.threads,
        as_of=None if as_of is None else as_of.replace(tzinfo=UTC),
    )
    try:
        built = _built(request, SnapshotStore(store_uri))
        _say(built)
        if bootstrap_servers:
            connection = KafkaConnection(bootstrap_servers=bootstrap_servers)
            event = snapshot_published(_DEFAULTS.store_name, built.uri, built.manifest)
            asyncio.run(announce(event, connection.client_options()))
            click.echo(f"announced  {_DEFAULTS.store_name} on {bootstrap_servers}")
    except FeatureServiceError as problem:
        raise click.ClickException(str(problem)) from problem


@features.command(name="list")
@_store
@click.option("--snapshot", "snapshot_id", help="Show how many applicants of this snapshot have each.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The page docs/features.md.")
def list_features(*, store_uri: str, snapshot_id: str | None, as_markdown: bool) -> None:
    """List every feature with its table, columns and reason group."""
    coverage: dict[str, float] | None = None
    if snapshot_id:
        try:
            columns = SnapshotStore(store_uri).manifest(snapshot_id).features
        except FeatureServiceError as problem:
            raise click.ClickException(str(problem)) from problem
        coverage = {column.name: column.coverage or 0.0 for column in columns}
    if as_markdown:
        click.echo(markdown(ALL_FEATURES, coverage=coverage), nl=False)
        return
    for one in ALL_FEATURES:
        share = "" if coverage is None else f"{coverage.get(one.name, 0.0):>7.1%}  "
        click.echo(f"{share}{one.name:<36} {one.table:<24} {one.group or '-':<22} {one.description}")


@features.command()
@click.option("--host", help="Address to listen on (FEATURES_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (FEATURES_PORT, default 8001).")
def serve(**options: Any) -> None:
    """Serve features, snapshots and definitions over HTTP until SIGTERM; the scorers do not need it.

    Every setting is a FEATURES_… variable; see feature_service/settings.py.
    """
    from feature_service.__main__ import run  # noqa: PLC0415 - only this command needs FastAPI

    given = {name: value for name, value in options.items() if value is not None}
    sys.exit(run(FeatureSettings(**given)))


@features.command()
@_store
def snapshots(*, store_uri: str) -> None:
    """List the published snapshots, oldest first."""
    table = Table("snapshot", "as of", "applicants", "features", "engine", "missing tables", "warnings")
    try:
        for one in SnapshotStore(store_uri).manifests():
            table.add_row(
                one.id,
                one.as_of,
                f"{one.n_applicants:,}",
                str(len(one.features)),
                one.engine,
                ", ".join(one.missing_tables) or "-",
                str(len(one.quality.warnings)),
            )
    except FeatureServiceError as problem:
        raise click.ClickException(str(problem)) from problem
    Console().print(table)


@features.command()
@_store
@click.option("--keep", type=click.IntRange(min=1), required=True, help="Newest snapshots to keep.")
@click.option(
    "--in-use", multiple=True, metavar="ID", help="Keep this one whatever its age. May be repeated."
)
@click.option(
    "--archive",
    envvar="ARCHIVE_STORE",
    show_envvar=True,
    help="Prediction archive: keep every snapshot that one of its predictions names.",
)
def gc(*, store_uri: str, keep: int, in_use: tuple[str, ...], archive: str | None) -> None:
    """Delete old snapshots, but none that a prediction in the archive or --in-use names.

    A decision can be recomputed only while its snapshot is there. --keep 2 covers what is not archived yet;
    name with --in-use what a model was trained on, if it is to be trained again.
    """
    from training.archive.errors import ArchiveError  # noqa: PLC0415

    store = SnapshotStore(store_uri)
    try:
        named = _named_in(archive) & set(store.ids()) if archive else set()
        gone = store.collect_garbage(keep=keep, in_use={*in_use, *named})
    except (FeatureServiceError, ArchiveError) as problem:
        raise click.ClickException(str(problem)) from problem
    if archive is None:
        click.echo("no archive was asked which snapshots its predictions name (--archive)", err=True)
    for one in gone:
        click.echo(f"deleted  {one}")
    if not gone:
        click.echo("nothing to delete")


def _named_in(archive: str) -> set[str]:
    """The snapshots that archived predictions were made with."""
    from training.archive.reading import records  # noqa: PLC0415
    from training.archive.store import ArchiveStore  # noqa: PLC0415

    named: set[str] = set()
    for table in records(ArchiveStore(archive), [lane.predictions.name for lane in Lane], ["snapshot_id"]):
        named |= set(table["snapshot_id"].unique().drop_null().to_pylist())
    return named


def _gate(parquet: Mapping[str, Path], docs: Path) -> GateReport:
    from feature_service.quality.gate import run_gate  # noqa: PLC0415  (Great Expectations: seconds to import)

    report: GateReport = run_gate(
        parquet, docs_dir=docs, memory_limit=_DEFAULTS.memory_limit, threads=_DEFAULTS.threads
    )
    return report


def _built(request: BuildRequest, store: SnapshotStore) -> Built:
    columns = (TextColumn("{task.description:<44}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=None)

        def show(doing: str, done: int, total: int) -> None:
            bar.update(task, description=doing, completed=done, total=total)

        return build_snapshot(request, store, _gate, progress=show)


def _say(built: Built) -> None:
    manifest = built.manifest
    click.echo(f"{'published' if built.is_new else 'unchanged'}  {manifest.id}  {built.uri}")
    click.echo(f"           {manifest.n_applicants:,} applicants, {len(manifest.features)} features")
    for table in manifest.missing_tables:
        click.echo(f"missing    {table}: its features are missing for everybody")
    for text in (*manifest.notes, *manifest.quality.warnings):
        click.echo(f"warning    {text}")
