"""`make bench`: what a lender would pick instead and what we do, in the same run on the same cores.

    .venv/bin/python -m bench.run [--seconds 6] [--repeats 3]

Starts the whole platform in .run/bench on free ports, checks answers against LightGBM's, measures, puts
the controls in its place one after the other, prints a table and writes bench/results/latest.json.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import httpx
import uvloop

from bench import machine
from bench.measure import plain
from bench.parts import parts
from bench.subjects import RUN_DIR, Asked, Platform, memory
from bench.table import table
from bench.traffic import Loops, Service, check, closed, opened, opened_while, outage_s
from infra.kafka.ports import free_ports
from infra.local.processes import Child
from infra.runtime.logs import configure_logs

RESULTS: Final = Path("bench/results/latest.json")
CLIENTS: Final = (1, 16, 64)
RATES: Final = (50.0, 200.0, 400.0, 600.0, 800.0, 1200.0)
_HOLDS_MS: Final = 200.0
_BATCH_ROWS: Final = 60_000
_BATCH_TIMEOUT_S: Final = 240.0
_WARM_UP_S: Final = 30.0


@dataclass
class Run:
    """The results so far; written after each step, so that a run that is cut short leaves what it has."""

    seconds: float
    repeats: int
    out: Path
    results: dict[str, Any] = field(default_factory=dict)

    def note(self, name: str, value: Any) -> None:
        """Keep a result."""
        self.results[name] = plain(value)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text(json.dumps(self.results, indent=1) + "\n")

    def step(self, name: str, measure: Callable[[], Any]) -> None:
        """Measure and keep, saying so; a step that fails is a result too, and the others go on."""
        started = time.monotonic()
        click.echo(f"  … {name}", err=True)
        try:
            self.note(name, measure())
        except Exception as error:
            click.echo(f"    failed: {error}", err=True)
            self.note(name, {"failed": f"{type(error).__name__}: {str(error)[:500]}"})
        self.results.setdefault("took_s", {})[name] = round(time.monotonic() - started, 1)

    def closed(self, service: Service) -> dict[str, Loops]:
        """Closed loops with every number of clients."""
        return {
            str(clients): closed(service, clients=clients, seconds=self.seconds, repeats=self.repeats)
            for clients in CLIENTS
        }

    def opened(self, service: Service) -> dict[str, Loops]:
        """Open loops at rising rates, until one does not hold its latency."""
        found: dict[str, Loops] = {}
        for rate in RATES:
            found[f"{rate:g}"] = loops = opened(
                service, rate=rate, seconds=self.seconds, repeats=self.repeats
            )
            if loops.p99_ms.median >= _HOLDS_MS or loops.answered < 1:
                break
        return found


def probability(answer: Any) -> float:
    """What a decision document says."""
    return float(answer["probability_of_default"])


def prediction(answer: Any) -> float:
    """What MLflow's server says: another exp than ours, so the last digits may differ."""
    return round(float(answer["predictions"][0]), 12)


def measure_platform(run: Run, platform: Platform, asked: Asked) -> None:
    """The platform with everything running."""
    mixed, approved = platform.service(asked.mixed), platform.service(asked.approved)
    check(mixed, asked.expected, probability)
    run.note("share with reasons", asked.share_with_reasons)
    # A broker that is new compiles for half a minute.
    run.step("warm-up", lambda: closed(mixed, clients=16, seconds=_WARM_UP_S, repeats=1))
    run.step("scorestream, approved only, closed loop", lambda: run.closed(approved))
    run.step("scorestream, reasons on refer and decline, closed loop", lambda: run.closed(mixed))
    run.step("scorestream, open loop", lambda: run.opened(mixed))
    run.step("batch", lambda: batch(platform, mixed, run.seconds))
    run.step("memory", lambda: memory(platform))
    run.step("takeover", lambda: takeover(platform, mixed))


def measure_controls(run: Run, platform: Platform, asked: Asked) -> None:
    """The controls, one after the other; the platform's own processes idle, but for the last's."""
    for has_reasons in (False, True):
        bodies = asked.mixed if has_reasons else asked.approved

        def in_process(has_reasons: bool = has_reasons, bodies: list[bytes] = bodies) -> dict[str, Loops]:
            with platform.in_process(asked.mixed, has_reasons=has_reasons) as service:
                check(service, asked.expected, probability)
                return run.closed(Service(service.name, service.url, bodies, service.pids))

        run.step("FastAPI with pred_contrib" if has_reasons else "FastAPI", in_process)

    def mlflow() -> dict[str, Loops]:
        with platform.mlflow(asked.for_mlflow) as service:
            check(service, [round(right, 12) for right in asked.raw], prediction, count=20)
            return run.closed(service)

    def faust() -> dict[str, Loops]:
        with platform.plain_faust(asked.mixed) as service:
            check(service, asked.expected, probability)
            return run.closed(service)

    run.step("mlflow models serve", mlflow)
    run.step("plain Faust agent", faust)


def batch(platform: Platform, service: Service, seconds: float) -> dict[str, Any]:
    """Rows a second of a file through the batch lane, and interactive requests all the while."""
    out = RUN_DIR / "decisions.parquet"
    for leftover in RUN_DIR.glob("decisions.*"):
        leftover.unlink()
    file = RUN_DIR / "batch.csv"
    rows = _written_anew(platform.data / "application_train.csv", file)
    began = time.time()
    scoring = subprocess.Popen(
        [sys.executable, "-m", "scorestream.cli", "score-batch", str(file), "--out", str(out)],
        env={**os.environ, **platform.local.environment()}, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    interactive = opened_while(
        lambda: scoring.poll() is None and time.time() < began + _BATCH_TIMEOUT_S,
        service, rate=50, seconds=seconds,
    )  # fmt: skip
    said, _ = scoring.communicate(timeout=seconds)
    if scoring.returncode:
        raise RuntimeError(f"score-batch ended with {scoring.returncode}: {said!r}")
    took_s = out.stat().st_mtime - began
    return {"rows": rows, "took_s": took_s, "rows_per_second": rows / took_s, "interactive": interactive}


def _written_anew(source: Path, target: Path) -> int:
    """The rows of a file of applicants that were never seen: what was scored before is not scored again."""
    first = int(time.time()) % 1_000_000_000
    with source.open(newline="") as read, target.open("w", newline="") as write:
        lines, writer = csv.reader(read), csv.writer(write)
        writer.writerow(next(lines))
        applications = list(lines)
        for number in range(_BATCH_ROWS):
            writer.writerow([first + number, *applications[number % len(applications)][1:]])
    return _BATCH_ROWS


def takeover(platform: Platform, service: Service) -> dict[str, float]:
    """How long requests go unanswered at 50/s when one of two scorers is killed, and when it is stopped."""
    local, gaps = platform.local, {}
    (port,) = free_ports(1)
    second = Child(
        "scorer-second",
        [sys.executable, "-m", "scorestream.cli", "scorer", "--lane", "sync", "--port", str(port)],
        log_file=RUN_DIR / "logs" / "scorer-second.log",
        environment=local.environment(),
        watchdog=platform.watchdog,
    )
    second.start()
    try:
        second.wait_ready(f"http://127.0.0.1:{port}/readyz", 90)
        for name, number in (("killed", signal.SIGKILL), ("stopped", signal.SIGTERM)):
            _settled(service)
            pid = local.children["scorer-sync"].pid

            def end(pid: int | None = pid, number: signal.Signals = number) -> None:
                if pid is not None:
                    os.kill(pid, number)

            gaps[f"{name}_s"] = uvloop.run(outage_s(service, rate=50, seconds=15, disturb=end))
    finally:
        second.stop()
    return gaps


def _settled(service: Service, *, timeout_s: float = 60) -> None:
    """Wait until requests are answered again, one after the other."""
    deadline, in_a_row = time.monotonic() + timeout_s, 0
    while in_a_row < 20 and time.monotonic() < deadline:
        answer = httpx.post(
            service.url, content=service.bodies[in_a_row], headers={"Content-Type": "application/json"}
        )
        in_a_row = in_a_row + 1 if answer.status_code == 200 else 0


@click.command()
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(1, 60), help="Of one loop.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(1, 20))
@click.option("--out", default=RESULTS, show_default=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--only", multiple=True, type=click.Choice(["parts", "platform", "controls"]), help="Some of it."
)
def main(seconds: float, repeats: int, out: Path, only: Sequence[str]) -> None:
    """Measure the platform and its controls, print the table, write the results."""
    configure_logs("bench", level="WARNING")
    run = Run(seconds, repeats, out)
    run.note("machine", machine.facts())
    run.note("how", {"seconds": seconds, "repeats": repeats})
    chosen = only or ("parts", "platform", "controls")
    if "parts" in chosen:
        run.step("parts", lambda: parts(repeats=repeats))
    if "platform" in chosen or "controls" in chosen:
        _measure_services(run, chosen)
    click.echo(table(run.results))
    click.echo(f"\nwritten to {out}")


def _measure_services(run: Run, chosen: Sequence[str]) -> None:
    platform = Platform()
    try:
        run.step("start", platform.start)
        asked = Asked(platform)
        if "platform" in chosen:
            measure_platform(run, platform, asked)
        if "controls" in chosen:
            measure_controls(run, platform, asked)
    finally:
        platform.stop()


if __name__ == "__main__":
    main()
