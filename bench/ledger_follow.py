"""How fast a ledger process follows the log, on one core, and how long a look-up over HTTP takes.

    .venv/bin/python -m bench.ledger_follow --applications 60000

A real broker gets applications and predictions; then `scorestream ledger` (SQLite), all of its processes
bound to one core, follows them from the beginning. The rate is that from the first decision seen to the last,
by its own counts. Then decisions are fetched by id, one after the other, on a connection that is kept.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import httpx
from aiokafka import AIOKafkaProducer

from bench.ledger import Record, log_of
from contracts import headers
from contracts.lanes import Lane
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.ports import free_ports
from infra.kafka.topics import ensure_topics

_LOOK_UPS = 2_000
_START_TIMEOUT_S = 60.0
#: Counting takes the core from following.
_LOOK_EVERY_S = 0.1


async def written(bootstrap_servers: str, log: list[tuple[Record, Record]]) -> None:
    """Write the records to their topics."""
    await ensure_topics(bootstrap_servers, partitions=4, replication=1)
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, linger_ms=20, compression_type="lz4", max_batch_size=1 << 20
    ) as producer:
        for pair in log:
            for one in pair:
                await producer.send(
                    one.topic, one.value, key=one.key, partition=one.partition, headers=one.headers
                )


def followed(url: str, count: int) -> float:
    """Decisions a second from the first that the ledger shows to the last."""
    first: tuple[float, int] | None = None
    with httpx.Client(base_url=url, timeout=10) as client:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            decided = _decided(client)
            if first is None and decided:
                first = time.monotonic(), decided
            if first is not None and decided >= count:
                return (count - first[1]) / (time.monotonic() - first[0])
            if first is None and time.monotonic() > deadline:
                raise click.ClickException("the ledger shows no decision")
            time.sleep(_LOOK_EVERY_S)


def looked_up(url: str, ids: list[str]) -> list[float]:
    """Milliseconds of each look-up over HTTP."""
    taken = []
    with httpx.Client(base_url=url, timeout=10) as client:
        for name in ids:
            started = time.perf_counter()
            answer = client.get(f"/v1/applications/{name}")
            taken.append((time.perf_counter() - started) * 1000)
            if answer.status_code != 200:
                raise click.ClickException(f"{name}: {answer.status_code}")
    return taken


def _decided(client: httpx.Client) -> int:
    try:
        answer = client.get("/v1/counts")
    except httpx.TransportError:
        return 0
    counts: dict[str, Any] = answer.json().get("lanes", {}).get(Lane.SYNC.value, {})
    return int(counts.get("decided", 0))


@click.command(help=__doc__)
@click.option("--applications", "count", type=click.IntRange(5_000), default=60_000, show_default=True)
def main(count: int) -> None:
    """Measure and print."""
    log = log_of(count)
    with tempfile.TemporaryDirectory() as name, EmbeddedKafka(Path(name) / "kafka") as kafka:
        asyncio.run(written(kafka.bootstrap_servers, log))
        (port,) = free_ports(1)
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "LEDGER_DATABASE_URL": f"sqlite:///{name}/ledger.db",
            "LEDGER_RUN_DIR": f"{name}/workers",
        }
        command = [sys.executable, "-m", "scorestream.cli", "ledger", "--port", str(port)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as ledger:
            try:
                os.sched_setaffinity(ledger.pid, {max(os.sched_getaffinity(0))})  # its writers inherit it
                url = f"http://127.0.0.1:{port}"
                per_s = followed(url, count)
                step = max(1, count // _LOOK_UPS)
                ids = [dict(pair[0].headers)[headers.APPLICATION_ID].decode() for pair in log[::step]]
                cuts = statistics.quantiles(looked_up(url, ids), n=100)
            finally:
                ledger.terminate()
    click.echo(f"followed {per_s:,.0f} decisions a second on one core ({count:,} decisions, through Kafka)")
    click.echo(f"look-up by id over HTTP: p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms")


if __name__ == "__main__":
    main()
