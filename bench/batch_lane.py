"""A batch of many applications beside interactive load: what each takes, and what memory does.

    make demo                                                          (in another terminal)
    .venv/bin/python -m bench.batch_lane --rows 200000 --rate 50

Before the batch the same interactive load runs alone, as the control. While the batch runs, decisions
just made are fetched by id, and every process's resident memory is looked at each second.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import aiohttp
import click
import duckdb
import numpy as np

from bench.load import Outcome, bodies, open_loop
from contracts.application import COLUMNS, example
from contracts.application_fields import FIELDS
from contracts.fields import Kind
from contracts.topics import PREDICTIONS_BATCH
from infra.runtime.kafka import KafkaConnection
from infra.runtime.presence import present
from infra.runtime.reading import log_reader

_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 1e6
_FETCH_EVERY_S: Final = 0.2
_SAMPLE_EVERY_S: Final = 1.0


class Interactive:
    """Applications over HTTP at a constant rate, and look-ups of those just answered."""

    def __init__(self, url: str, data: Path | None, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._bodies = bodies(data)
        self._session = session
        self._newest: str | None = None
        self.looked_up = Outcome()

    async def submit(self) -> str:
        """Send one application; the status, or the name of what broke."""
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(
                f"{self._url}/v1/applications", data=next(self._bodies), headers=headers
            ) as answer:
                document = await answer.json(content_type=None)
                if answer.status == 200:
                    self._newest = document["application_id"]
                return str(answer.status)
        except aiohttp.ClientError as error:
            return type(error).__name__

    async def look_up(self) -> None:
        """Fetch the newest decision by id, again and again, until cancelled."""
        while True:
            if self._newest is not None:
                started = time.perf_counter()
                async with self._session.get(f"{self._url}/v1/applications/{self._newest}") as answer:
                    await answer.read()
                self.looked_up.note(str(answer.status), time.perf_counter() - started)
            await asyncio.sleep(_FETCH_EVERY_S)


class Memory:
    """Resident megabytes of the platform's processes over time."""

    def __init__(self, run_dir: Path, extra: dict[str, int]) -> None:
        self._run_dir = run_dir
        self._extra = extra
        self.samples: dict[str, list[float]] = defaultdict(list)

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            pids = {f"{one.name}-{one.pid}": one.pid for one in present(self._run_dir)} | self._extra
            for name, pid in pids.items():
                for number, member in enumerate([pid, *children_of(pid)]):
                    if (megabytes := resident_mb(member)) is not None:
                        self.samples[f"{name}.{number}" if number else name].append(megabytes)
            await asyncio.sleep(_SAMPLE_EVERY_S)

    def summary(self) -> dict[str, dict[str, float]]:
        """First, median of each half, and greatest, by process."""
        return {
            name: {
                "first_mb": round(found[0]),
                "first_half_mb": round(float(np.median(found[: len(found) // 2 or 1]))),
                "second_half_mb": round(float(np.median(found[len(found) // 2 :]))),
                "most_mb": round(max(found)),
            }
            for name, found in self.samples.items()
        }


def resident_mb(pid: int) -> float | None:
    """Resident memory of a process, or None when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MB
    except (OSError, IndexError):
        return None


def children_of(pid: int) -> list[int]:
    """Children of a process, as Linux has them."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def batch_file(folder: Path, rows: int, data: Path | None) -> Path:
    """A Parquet file of `rows` applications with ids of their own, from a Home Credit file or an example."""
    file = folder / f"batch-{rows}.parquet"
    if data is None:
        source = folder / "one.json"
        source.write_bytes(example("full"))
        table = f"read_json('{source}')"
    else:
        # Left to itself, DuckDB takes Yes and No for true and false.
        words = {field.name: "VARCHAR" for field in FIELDS if field.kind is Kind.CATEGORY}
        table = f"read_csv('{data}', header = true, types = {words})"
    database = duckdb.connect(config={"threads": 1, "memory_limit": "1GB"})
    database.execute("SET enable_progress_bar = false")
    present_columns = {row[0] for row in database.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()}
    kept = ", ".join(name for name in COLUMNS if name in present_columns and name != "SK_ID_CURR")
    database.execute(f"CREATE TABLE pattern AS SELECT {kept} FROM {table}")
    count = database.execute("SELECT count(*) FROM pattern").fetchall()[0][0]
    database.execute(
        f"COPY (SELECT 10000000 + n AS SK_ID_CURR, {kept} FROM range({rows}) AS numbers(n) "
        f"JOIN (SELECT *, row_number() OVER () - 1 AS place FROM pattern) ON place = n % {count}) "
        f"TO '{file}' (FORMAT parquet)"
    )
    return file


async def measured(options: dict[str, Any]) -> dict[str, Any]:
    """The figures of one run: interactive alone, then beside the batch."""
    rate, url = options["rate"], options["url"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = options["file"]
        if file is None:
            file = await asyncio.to_thread(batch_file, folder, options["rows"], options["data"])
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30)
        ) as session:
            control = Interactive(url, options["data"], session)
            await open_loop(control.submit, rate=rate, seconds=3)
            alone = await open_loop(control.submit, rate=rate, seconds=options["control_seconds"])
            out = folder / "decisions.parquet"
            beside, batch, memory, looked_up = await _beside(session, file, out, options)
    return {
        "machine_load": os.getloadavg(),
        "interactive_alone": alone.summary(),
        "interactive_beside": beside.summary(),
        "get_by_id": looked_up.summary(),
        "batch": batch,
        "memory": memory.summary(),
    }


async def _decided() -> int:
    """Decisions of the batch lane so far."""
    async with log_reader(KafkaConnection()) as reader:
        return sum((await reader.ends(await reader.partitions(PREDICTIONS_BATCH.name))).values())


async def _beside(
    session: aiohttp.ClientSession, file: Path, out: Path, options: dict[str, Any]
) -> tuple[Outcome, dict[str, Any], Memory, Outcome]:
    interactive = Interactive(options["url"], options["data"], session)
    before = await _decided()
    started = time.perf_counter()
    batch = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scorestream.cli", "score-batch", str(file), "--out", str(out),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    memory = Memory(options["run_dir"], {"score-batch": batch.pid})
    tasks = [asyncio.create_task(memory.watch()), asyncio.create_task(interactive.look_up())]
    said = asyncio.create_task(batch.communicate())
    most_seconds = options["most_seconds"]
    beside = await open_loop(
        interactive.submit, rate=options["rate"], seconds=most_seconds, is_over=said.done
    )
    if batch.returncode is None:
        batch.terminate()
    for task in tasks:
        task.cancel()
    seconds = time.perf_counter() - started
    interactive.looked_up.seconds = seconds
    decided = await _decided() - before
    figures = {
        "seconds": round(seconds, 1),
        "decided": decided,
        "rows_per_s": round(decided / seconds),
        "said": (await said)[0].decode().strip(),
        "status": batch.returncode,
    }
    return beside, figures, memory, interactive.looked_up


@click.command()
@click.option("--rows", default=200_000, show_default=True, type=click.IntRange(min=1_000))
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A batch of your own instead.",
)
@click.option("--rate", default=50.0, show_default=True, help="Interactive requests a second, open loop.")
@click.option("--control-seconds", default=20.0, show_default=True, help="How long that load runs alone.")
@click.option("--most-seconds", default=3600.0, show_default=True, help="Stop the batch after this time.")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The gateway.")
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Application CSV.")
@click.option("--run-dir", type=click.Path(path_type=Path), default=Path(".run/workers"), show_default=True)
def main(**options: Any) -> None:
    """Score a batch beside interactive load on a running platform, and print the figures as JSON.

    The cluster is KAFKA_BOOTSTRAP_SERVERS; the gateway must be on this machine.
    """
    click.echo(json.dumps(asyncio.run(measured(options)), indent=1))


if __name__ == "__main__":
    main()
