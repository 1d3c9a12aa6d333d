"""`scorestream quality`: run the quality gate over a folder and write its Data Docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from feature_service.quality import GateReport

_SUFFIXES = (".parquet", ".csv", ".csv.gz")


@click.command()
@click.option(
    "--data",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with the tables as Parquet or CSV, named like application_train.parquet.",
)
@click.option(
    "--docs",
    "docs_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the Data Docs (HTML, opens offline). Default: quality/ in the data's folder.",
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report there too."
)
@click.option("--memory-limit", default="4GB", show_default=True, help="What counting may hold in memory.")
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
def quality(
    *, folder: Path, docs_dir: Path | None, json_file: Path | None, memory_limit: str, threads: int
) -> None:
    """Say whether features may be built from these tables, and what is wrong with them.

    Warnings are listed and recorded; anything critical ends with status 1. A table that is not in
    the folder is a warning, unless it is the applications.

    \b
    scorestream quality --data data/
    """
    tables = _tables(folder)
    if not tables:
        raise click.UsageError(f"{folder} has none of the tables, neither as Parquet nor as CSV")
    report = _run(tables, docs_dir or folder / "quality", memory_limit, threads)
    for finding in (*report.critical, *report.warnings):
        colour = "red" if finding.is_critical else "yellow"
        click.echo(f"{click.style(finding.severity.value, fg=colour)}: {finding.sentence}")
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_document(), indent=2) + "\n", "utf-8")
    verdict = "passed" if report.passed else "refused"
    click.echo(f"{verdict}: {len(report.critical)} critical, {len(report.warnings)} warnings · {report.html}")
    if not report.passed:
        raise SystemExit(1)


def _tables(folder: Path) -> dict[str, Path]:
    """The folder's tables; Parquet wins where a table is there as CSV too."""
    from feature_service.quality.suites import SUITES  # noqa: PLC0415 - not for --help

    found = {}
    for name in SUITES:
        there = [path for suffix in _SUFFIXES if (path := folder / f"{name}{suffix}").exists()]
        if there:
            found[name] = there[0]
    return found


def _run(tables: dict[str, Path], docs_dir: Path, memory_limit: str, threads: int) -> GateReport:
    from feature_service.quality import run_gate  # noqa: PLC0415 - seconds of imports, not for --help

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("opening", total=1)
        return run_gate(
            tables,
            docs_dir=docs_dir,
            progress=lambda doing, done, total: bar.update(
                task, description=doing, completed=done, total=total
            ),
            memory_limit=memory_limit,
            threads=threads,
        )
