"""A batch beside interactive load, killed on both ends: nothing is scored twice, nobody else notices.

In `make test-slow`: a small batch, and a million rows; in `make test-faults`: 200,000. Times and memory
are printed; the command's own resumption is in `make test` (test_commands).
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bench.batch_lane import batch_file, resident_mb
from contracts.events import ModelPromoted
from contracts.headers import BATCH_ROW
from contracts.topics import APPLICATIONS_BATCH, PREDICTIONS_BATCH
from infra.kafka.embedded import EmbeddedKafka
from infra.runtime.kafka import KafkaConnection
from infra.runtime.reading import log_reader
from tests.e2e.audit import audit
from tests.e2e.conftest import ScoringPath
from tests.e2e.faults import PATIENT, applicants, own_broker, report
from tests.e2e.load import Load
from tests.e2e.processes import Process, wait_until

_INTERACTIVE_PER_S = 50
#: What a process may grow by between the halves of a batch: caches fill, and nothing else does.
_GROWTH_MB = 60


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(5_000, marks=pytest.mark.slow),
        pytest.param(200_000, marks=pytest.mark.faults),
        pytest.param(1_000_000, marks=pytest.mark.slow),
    ],
)
def test_a_batch_that_is_killed_on_both_ends_is_scored_once_beside_interactive_load(
    tmp_path: Path, promoted: ModelPromoted, rows: int
) -> None:
    file, out = batch_file(tmp_path, rows, None), tmp_path / "decisions.parquet"
    with own_broker(tmp_path, promoted) as (kafka, path):
        processes = platform(path, tmp_path)
        gateway = processes["gateway"]
        with Load([gateway.url], applicants, rate_per_s=_INTERACTIVE_PER_S) as load:
            began = time.monotonic()
            with running(path, file, out) as first:
                wait_until(lambda: decided(kafka) > rows // 5 or ended(first), timeout_s=600, why="it begins")
                first.kill()
            processes["batch"].kill()
            processes["batch"].start(is_waiting=False)
            memory = watched(path, file, out, {name: process.pid for name, process in processes.items()})
            seconds = time.monotonic() - began
        found_again(gateway, [r.application_id or "" for r in load.answered() if r.status == 200][-20:])
        audit(kafka.bootstrap_servers, load.requests)
        sent = asyncio.run(rows_on(kafka, APPLICATIONS_BATCH.name))
        scored = asyncio.run(rows_on(kafka, PREDICTIONS_BATCH.name))
    report(
        f"{rows:,} rows, score-batch and its worker killed once, beside {_INTERACTIVE_PER_S}/s",
        rows_per_s=rows / seconds,
        statuses=dict(load.statuses()),
        interactive_p99_s=statistics.quantiles([r.took_s for r in load.answered()], n=100)[98],
        interactive_slowest_s=max(r.took_s for r in load.answered()),
        turned_away=[
            (round(r.scheduled_s - load.requests[0].scheduled_s, 1), r.answer.decode())
            for r in load.answered()
            if r.status == 503
        ],
        **{f"{name}_mb": f"{first:.0f}->{second:.0f}" for name, (first, second) in memory.items()},
    )
    assert sorted(sent) == list(range(rows))
    assert sorted(scored) == list(range(rows))
    decisions = pq.read_table(out, columns=["row", "status"])
    assert decisions["row"].to_pylist() == list(range(rows))
    assert pc.unique(decisions["status"]).to_pylist() == ["decided"]
    keyed = [r.status for r in load.answered() if r.key is not None]
    assert {r.status for r in load.answered() if r.key is None} <= {200, 202}
    # A new key asks a ledger that has read the log's end, which it may not have within half a second.
    assert keyed.count(503) <= len(keyed) / 100
    assert set(keyed) <= {200, 202, 503}
    grown = {name: second - first for name, (first, second) in memory.items() if second - first > _GROWTH_MB}
    assert not grown


def platform(path: ScoringPath, folder: Path) -> dict[str, Process]:
    ledger = path.start("ledger", ["ledger"], LEDGER_DATABASE_URL=f"sqlite:///{folder / 'ledger.db'}")
    processes = {
        "ledger": ledger,
        "sync": path.start("scorer", ["scorer", "--lane", "sync"]),
        "batch": path.start("scorer", ["scorer", "--lane", "batch"]),
        "gateway": path.start("gateway", ["gateway"], LEDGER_URL=ledger.url, **PATIENT),
    }
    for process in processes.values():
        process.wait_ready()
    return processes


@contextmanager
def running(path: ScoringPath, file: Path, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`score-batch` as a person starts it; gone when the block ends."""
    command = [sys.executable, "-m", "scorestream.cli", "score-batch", str(file), "--out", str(out)]
    batch = subprocess.Popen(command, env=path.environment(), stderr=subprocess.PIPE)
    try:
        yield batch
    finally:
        batch.kill()
        batch.communicate()


def watched(path: ScoringPath, file: Path, out: Path, pids: dict[str, int]) -> dict[str, tuple[float, float]]:
    """Run the batch to its end; median resident megabytes in each half, by process."""
    samples: dict[str, list[float]] = defaultdict(list)
    with running(path, file, out) as batch:

        def is_over() -> bool:
            for name, pid in pids.items():
                if (megabytes := resident_mb(pid)) is not None:
                    samples[name].append(megabytes)
            return ended(batch)

        wait_until(is_over, timeout_s=3_600, why="the batch ends")
        said = (batch.stderr.read() if batch.stderr else b"").decode()
        assert batch.returncode == 0, said
    return {
        name: (statistics.median(found[: len(found) // 2 or 1]), statistics.median(found[len(found) // 2 :]))
        for name, found in samples.items()
    }


def ended(batch: subprocess.Popen[bytes]) -> bool:
    return batch.poll() is not None


def decided(kafka: EmbeddedKafka) -> int:
    async def ends() -> int:
        async with log_reader(KafkaConnection(bootstrap_servers=kafka.bootstrap_servers)) as reader:
            return sum((await reader.ends(await reader.partitions(PREDICTIONS_BATCH.name))).values())

    return asyncio.run(ends())


async def rows_on(kafka: EmbeddedKafka, topic: str) -> list[int]:
    """The row of every record of the topic, in no order."""
    async with log_reader(KafkaConnection(bootstrap_servers=kafka.bootstrap_servers)) as reader:
        partitions = await reader.partitions(topic)
        records = reader.records(await reader.starts(partitions), await reader.ends(partitions))
        return [int(dict(record.headers)[BATCH_ROW]) async for record in records]


def found_again(gateway: Process, application_ids: list[str]) -> None:
    """What was decided last is there by id, however far the batch lane is."""
    assert application_ids
    statuses = [
        httpx.get(f"{gateway.url}/v1/applications/{one}", timeout=10).status_code for one in application_ids
    ]
    assert statuses == [200] * len(application_ids)
