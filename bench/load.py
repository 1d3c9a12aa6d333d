"""Load on a running gateway: a constant rate (open loop) or a number of clients (closed loop).

    .venv/bin/python -m bench.load --rate 300 --seconds 60
    .venv/bin/python -m bench.load --clients 16 --seconds 20

In an open loop latency counts from the moment a request was due, not from when it was sent, so that
a stall shows in every request that it delayed. Applications come from --data (a Home Credit
application file) or vary a golden example. The target must be on the loopback interface.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
import uvloop

from bench.client import posting
from contracts.application import example
from contracts.csv_rows import applications_in

_LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")
_PERCENTILES = (50, 90, 99, 99.9)
_FROM_FILE = 2_000


@dataclass
class Outcome:
    """What the requests of one run came to. `latencies_ms` has one entry a request, in no order."""

    statuses: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def note(self, status: str, latency_s: float) -> None:
        """Count one request."""
        self.statuses[status] += 1
        self.latencies_ms.append(latency_s * 1000)

    def summary(self) -> dict[str, Any]:
        """The figures of the run: requests, rate, statuses, latency percentiles in milliseconds."""
        found = np.percentile(self.latencies_ms, _PERCENTILES).tolist() if self.latencies_ms else []
        return {
            "requests": len(self.latencies_ms),
            "per_second": round(len(self.latencies_ms) / self.seconds, 1),
            "statuses": dict(self.statuses),
            **{f"p{p:g}_ms": round(value, 1) for p, value in zip(_PERCENTILES, found, strict=False)},
            "max_ms": round(max(self.latencies_ms, default=0), 1),
        }


Send = Callable[[], Awaitable[str]]


async def open_loop(
    send: Send, *, rate: float, seconds: float, is_over: Callable[[], bool] = lambda: False
) -> Outcome:
    """`rate` requests a second for `seconds`, each sent when due whether or not others are answered.

    It ends sooner once `is_over`.
    """
    outcome, under_way = Outcome(), set[asyncio.Task[None]]()
    started = time.perf_counter()

    async def one(due: float) -> None:
        status = await send()
        outcome.note(status, time.perf_counter() - due)

    for number in range(int(rate * seconds)):
        due = started + number / rate
        if is_over():
            break
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        task = asyncio.create_task(one(due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    outcome.seconds = time.perf_counter() - started
    return outcome


async def closed_loop(send: Send, *, clients: int, seconds: float) -> Outcome:
    """`clients` clients for `seconds`, each sending its next request when the last is answered."""
    outcome = Outcome()
    started = time.perf_counter()

    async def client() -> None:
        while (sent := time.perf_counter()) < started + seconds:
            status = await send()
            outcome.note(status, time.perf_counter() - sent)

    await asyncio.gather(*(client() for _ in range(clients)))
    outcome.seconds = time.perf_counter() - started
    return outcome


def bodies(data: Path | None) -> Iterator[bytes]:
    """Request bodies without end, each for another applicant."""
    if data is None:
        pattern = [json.loads(example("full"))]
    else:
        pattern = [dict(application) for application in islice(applications_in(data), _FROM_FILE)]
    applicants = itertools.count(int(time.time()) % 1_000_000 * 1_000)
    for application in itertools.cycle(pattern):
        yield msgspec.json.encode({**application, "SK_ID_CURR": next(applicants) + 1})


async def run(url: str, data: Path | None, *, rate: float | None, clients: int, seconds: float) -> Outcome:
    """One run against the gateway at `url`, after a short warm-up."""
    source = bodies(data)
    async with posting(f"{url}/v1/applications") as poster:

        async def send() -> str:
            return await poster.status(next(source))

        await closed_loop(send, clients=8, seconds=2)
        if rate is not None:
            return await open_loop(send, rate=rate, seconds=seconds)
        return await closed_loop(send, clients=clients, seconds=seconds)


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The gateway.")
@click.option("--rate", type=float, help="Requests a second, open loop.")
@click.option("--clients", default=1, show_default=True, help="Clients, closed loop, when no rate is given.")
@click.option("--seconds", default=20.0, show_default=True, type=click.FloatRange(0.1, 600))
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Application CSV.")
def main(url: str, rate: float | None, clients: int, seconds: float, data: Path | None) -> None:
    """Load a gateway on this machine and print what came of it, as JSON."""
    if not url.startswith(_LOOPBACK):
        raise click.BadParameter("the load stays on the loopback interface", param_hint="--url")
    outcome = uvloop.run(run(url, data, rate=rate, clients=clients, seconds=seconds))
    click.echo(json.dumps(outcome.summary(), indent=1))


if __name__ == "__main__":
    main()
