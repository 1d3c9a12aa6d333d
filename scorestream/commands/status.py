"""`scorestream status`: one screen."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.lanes import Lane
from infra.runtime.complaints import keep_complaints
from infra.runtime.kafka import KafkaConnection
from scorestream.console import table_console
from scorestream.platform_status import Addresses, PlatformStatus, Service, platform_status


@click.command()
@click.option("--gateway-url", envvar="GATEWAY_URL", default="http://127.0.0.1:8000", show_default=True)
@click.option(
    "--mlflow-url", envvar="MLFLOW_TRACKING_URI", default="http://127.0.0.1:5000", show_default=True
)
@click.option("--ledger-url", envvar="LEDGER_URL", default="http://127.0.0.1:8004", show_default=True)
@click.option("--scorer-port", default=8002, show_default=True, help="Port of the sync lane's first worker.")
@click.option(
    "--batch-scorer-port", default=8003, show_default=True, help="Port of the batch lane's first worker."
)
@click.option("--run-dir", type=click.Path(path_type=Path), default=Path(".run/workers"), show_default=True)
def status(**options: Any) -> None:
    """Show broker, topics, lag, workers with their model and snapshot, the last decision and what is down.

    Ends with 0 when everything is up, else with 1. The broker is KAFKA_BOOTSTRAP_SERVERS.
    """
    keep_complaints()
    addresses = Addresses(
        kafka=KafkaConnection(),
        gateway_url=options["gateway_url"],
        mlflow_url=options["mlflow_url"],
        ledger_url=options["ledger_url"],
        scorer_urls={
            "scorer-sync": f"http://127.0.0.1:{options['scorer_port']}",
            "scorer-batch": f"http://127.0.0.1:{options['batch_scorer_port']}",
        },
        run_dir=options["run_dir"],
    )
    found = asyncio.run(platform_status(addresses))
    _print(found, table_console())
    sys.exit(1 if found.down else 0)


def _print(found: PlatformStatus, console: Console) -> None:
    state = "does not answer" if found.broker_error else f"{len(found.topics)} topics"
    console.print(f"[bold]Broker[/bold]  {found.broker}: {state}")
    for lane in Lane:
        lag = found.lag.get(lane)
        topic = found.topics.get(lane.applications.name)
        partitions = topic.partitions if topic else 0
        behind = "nothing decided yet" if lag is None else f"{lag:,} behind"
        console.print(f"[bold]Lane[/bold]    {lane.value:<6} {behind}, {partitions} partitions")
    if found.model is not None:
        console.print(
            f"[bold]Model[/bold]   {found.model['name']} version {found.model['version']}, "
            f"promoted {found.model['promoted_at']} by {found.model['promoted_by']}"
        )
        console.print(f"[bold]History[/bold] {_snapshot(found.model.get('feature_snapshot'))}")
    console.print(_services(found.services))
    for wrong in found.down:
        console.print(Text(f"✗ {wrong}", style="red"))
    if not found.down:
        console.print(Text("✓ everything is up", style="green"))


def _services(services: list[Service]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("process", "at", "state", "model", "snapshot", "lag", "last decision"):
        table.add_column(column)
    for service in services:
        report = service.report or {}
        model, snapshot = report.get("model"), report.get("snapshot")
        table.add_row(
            service.name,
            service.url,
            Text("up", style="green") if service.is_up else Text("down", style="red"),
            f"{model['name']} {model['version']}" if model else "",
            snapshot["id"][:12] if snapshot else "",
            str(report.get("lag", "")),
            _clock(report.get("last_decision_at")),
        )
    return table


def _snapshot(published: dict[str, Any] | None) -> str:
    if published is None:
        return "no feature snapshot published; build one: scorestream features build"
    return (
        f"snapshot {published['snapshot_id'][:12]} of {published['n_applicants']:,} applicants, "
        f"as of {_clock(published['as_of'])}"
    )


def _clock(moment: str | None) -> str:
    if not moment:
        return ""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")
