"""The feature store at full size: build, instalments beside plain pandas, look-up.

    .venv/bin/python -m bench.features --data DIR

DIR holds the eight CSV files, as downloaded or made by `scorestream sample-data --applicants 356255`.
Each part runs in a process of its own; memory is the peak of its whole tree, sampled twenty times a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

_SAMPLE_S = 0.05
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option(
    "--cache", type=click.Path(path_type=Path), default=Path(".run/bench/features"), show_default=True
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here too.")
def main(data: Path, cache: Path, json_file: Path | None) -> None:
    """Measure the feature store on the files of DATA; each figure with what is wanted of it."""
    converted = _run("ingest", data, cache)
    parquet = converted["parquet"]["installments_payments"]
    figures: dict[str, Any] = {"rows": converted["rows"], "ingest": _cost(converted)}
    applications = [Path(converted["parquet"][f"application_{part}"]) for part in ("train", "test")]
    figures["instalments_duckdb"] = _cost(_run("duckdb", Path(parquet), cache, *applications))
    figures["instalments_pandas"] = _cost(_run("pandas", Path(parquet)))
    with tempfile.TemporaryDirectory(dir=cache) as store:
        figures["build"] = _run("build", data, cache, Path(store))
        figures["lookup"] = _run("lookup", Path(figures["build"]["snapshot"]))
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(figures, indent=1) + "\n")
    _show(figures)


def _cost(told: dict[str, Any]) -> dict[str, float]:
    return {name: told[name] for name in ("seconds", "processor_s", "peak_gb")}


def _run(part: str, *paths: Path) -> dict[str, Any]:
    """What a part told of itself, with its seconds and the peak memory of its process tree."""
    with tempfile.TemporaryFile() as said:
        started = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "-m", "bench.features_parts", part, *map(str, paths)], stdout=said
        )
        peak_bytes = 0
        while child.poll() is None:
            peak_bytes = max(peak_bytes, _tree_bytes(child.pid))
            time.sleep(_SAMPLE_S)
        whole_s = time.monotonic() - started
        if child.returncode:
            raise click.ClickException(f"the part {part!r} ended with {child.returncode}")
        said.seek(0)
        told: dict[str, Any] = json.loads(said.read())
    figures = {"seconds": whole_s, **told, "peak_gb": peak_bytes / 1e9}
    click.echo(f"{part}: {json.dumps(figures)}", err=True)
    return figures


def _tree_bytes(root: int) -> int:
    """Resident bytes of a process and all that it started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parents[int(entry.name)] = _read(
                entry / "stat", lambda text: int(text.rpartition(")")[2].split()[1])
            )
    tree, grown = {root}, True
    while grown:
        found = {pid for pid, parent in parents.items() if parent in tree} - tree
        tree |= found
        grown = bool(found)
    return (
        sum(_read(Path(f"/proc/{pid}/statm"), lambda text: int(text.split()[1])) for pid in tree)
        * _PAGE_BYTES
    )


def _read(file: Path, of: Callable[[str], int]) -> int:
    try:
        return of(file.read_text())
    except (OSError, IndexError):  # it has ended since
        return 0


def _show(figures: dict[str, Any]) -> None:
    build, lookup = figures["build"], figures["lookup"]
    duck, pandas = figures["instalments_duckdb"], figures["instalments_pandas"]
    table = Table("what", "measured", "wanted")
    for what, measured, wanted in (
        ("build from Parquet, seconds", f"{build['seconds']:.0f}", "150"),
        ("  of which the quality gate", f"{build['gate_s']:.0f}", ""),
        ("  processor seconds", f"{build['processor_s']:.0f}", ""),
        ("  peak of the process tree, GB", f"{build['peak_gb']:.2f}", "8"),
        ("instalments: DuckDB, seconds", f"{duck['seconds']:.1f}", ""),
        ("instalments: pandas, seconds", f"{pandas['seconds']:.1f}", ""),
        ("  times as fast", f"{pandas['seconds'] / duck['seconds']:.1f}", "4"),
        ("  times less processor time", f"{pandas['processor_s'] / duck['processor_s']:.1f}", ""),
        ("  times less memory", f"{pandas['peak_gb'] / duck['peak_gb']:.1f}", "3"),
        ("open a snapshot, ms", f"{lookup['open_ms']:.1f}", "500"),
        ("look up one applicant, µs", f"{lookup['one_us']:.1f}", "20"),
        ("look up 64 applicants, µs", f"{lookup['sixty_four_us']:.0f}", "200"),
    ):
        table.add_row(what, measured, wanted)
    Console().print(table)


if __name__ == "__main__":
    main()
