"""`make demo`, `make platform`: start it, score ten applications, show where to go on, stop on Ctrl-C.

    python -m infra.local.demo [--once] [--watched] [--data DIR]

With --once it ends by itself: status 0 if all ten were answered in time, else 1 and what failed.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from itertools import islice
from pathlib import Path

import click
import httpx
from rich.markup import escape

from contracts.application import example
from contracts.lanes import Lane
from infra.kafka.errors import KafkaSetupError
from infra.local.display import Display
from infra.local.mlflow_server import MlflowServerFailed
from infra.local.platform import LocalPlatform
from infra.local.processes import ChildFailed
from infra.local.settings import LocalSettings
from infra.local.showcase import DEADLINE_MS, NotInTime, score_over_http, traces, unseen_applications
from infra.local.watchers import Watchers
from infra.runtime.logs import configure_logs

_SHOWN = 10


class DemoFailed(Exception):
    """What was promised did not happen; the message says what."""


@click.command()
@click.option(
    "--once", is_flag=True, help="Score ten applications and end; the status says whether it worked."
)
@click.option(
    "--watched", is_flag=True, help="Also Airflow, and what is installed of Prometheus and Grafana."
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the Home Credit files, application_train.csv at least; by default a sample is made.",
)
def main(*, once: bool, watched: bool, data: Path | None) -> None:
    """Start the whole platform on this machine and score applications through it."""
    configure_logs("demo", level="WARNING")  # the display says what happens
    display = Display()
    platform = LocalPlatform(LocalSettings())
    watchers = Watchers(platform) if watched else None
    is_over = threading.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, lambda *_: _interrupt(is_over))
    status = 0
    try:
        platform.require_ports(*(watchers.ports if watchers else ()))
        folder = _start(platform, display, data)
        if watchers is not None:
            watchers.start(display, folder, is_sample=data is None)
        _score(platform, display, folder)
        if not once:
            _invite(platform, display, watchers)
            is_over.wait()
    except _Interrupted:
        status = 130 if once else 0
    except (DemoFailed, ChildFailed, KafkaSetupError, MlflowServerFailed, OSError) as error:
        display.console.print(f"\n[red]The demo failed:[/red] {escape(str(error))}")
        status = 1
    finally:
        for sig in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sig, signal.SIG_IGN)  # stopping in order must not be cut short
        with display.step("Stopping"):
            platform.stop()
    sys.exit(status)


class _Interrupted(BaseException):
    """Ctrl-C before everything was up."""


def _interrupt(is_over: threading.Event) -> None:
    if is_over.is_set():
        return
    is_over.set()
    raise _Interrupted


def _start(platform: LocalPlatform, display: Display, data: Path | None) -> Path:
    """Start every part; the folder with the applications."""
    settings = platform.settings
    display.console.print(
        "[bold]scorestream[/bold] on this machine only: 127.0.0.1, without API keys and passwords\n"
    )
    with display.step("Kafka") as note:
        note.text = platform.start_kafka()
    with display.step("Topics") as note:
        note.text = platform.ensure_topics()
    is_sample = data is None
    if data is None:
        with display.step("Sample, eight tables") as note:
            data = platform.make_sample()
            note.text = f"{settings.applicants:,} applicants in {data}"
    with display.step("Features checked, built, published") as note:
        features = platform.build_features(data)
        note.text = str(features)
    with display.step("MLflow") as note:
        note.text = platform.start_mlflow()
    with display.step("Model trained, in Staging") as note:
        note.text = platform.train(data, snapshot_id=features.snapshot_id, is_sample=is_sample)
    with display.step("Model promoted to Production") as note:
        note.text = platform.promote()
    with display.step("Feature service") as note:
        platform.start_feature_service()
        note.text = platform.features_url
    with display.step("Scorers") as note:
        platform.start_scorers((Lane.SYNC, Lane.BATCH))
        note.text = "sync and batch lane"
    with display.step("Ledger") as note:
        platform.start_ledger()
        note.text = platform.ledger_url
    with display.step("Archive") as note:
        note.text = platform.start_archive()
    with display.step("Gateway") as note:
        platform.start_gateway()
        note.text = platform.gateway_url
    return data


def _score(platform: LocalPlatform, display: Display, folder: Path) -> None:
    """Post ten applications that the model has never seen, and show what came back."""
    applications = list(islice(unseen_applications(folder, seed=platform.settings.seed), _SHOWN))
    try:
        scored = score_over_http(platform.gateway_url, applications)
    except (NotInTime, httpx.HTTPError) as error:
        raise DemoFailed(str(error)) from error
    display.console.print()
    display.decisions(
        [(one.decision, one.milliseconds) for one in scored],
        title=f"{len(scored)} applications the model has never seen",
    )
    slowest = max(one.milliseconds for one in scored)
    display.console.print(
        f"All answered through Kafka within {DEADLINE_MS} ms; the slowest took {slowest:.0f} ms."
    )
    known = [one.decision.feature_snapshot for one in scored if one.decision.feature_snapshot.applicant_found]
    display.console.print(
        f"{len(known)} of them are known from the history: snapshot {known[0].id if known else 'none'}.",
        markup=False,
    )
    ways = asyncio.run(traces(platform.connection(), scored))
    display.console.print(
        "Their way through Kafka (correlation id: topic[partition]@offset …):", markup=False
    )
    for one in scored:
        way = ways[one.decision.application_id]
        display.console.print(
            f"  {way.correlation_id}: {' → '.join(way.records)}", style="dim", markup=False, soft_wrap=True
        )


def _invite(platform: LocalPlatform, display: Display, watchers: Watchers | None) -> None:
    """What to try next."""
    watched = "" if watchers is None else "".join(f"  {line}\n" for line in watchers.addresses())
    url, minimal = platform.gateway_url, example("minimal").decode()
    one_line = " ".join(minimal.split())
    display.console.print(
        f"""
Try it:
  curl -s {url}/v1/applications -H 'Content-Type: application/json' -d '{one_line}'

  {url}/docs          the API, with examples
  {url}/v1/model      the model that decides now
  {platform.features_url}/docs          features of applicants, definitions, snapshots
  {platform.tracking_uri}               MLflow: runs, curves, versions
  {platform.bootstrap_servers}                    Kafka: applications, predictions, …
{watched}  .venv/bin/scorestream status            what is up, what is behind
  {platform.run_dir}/logs                 logs

Ctrl-C stops everything.""",
        markup=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
