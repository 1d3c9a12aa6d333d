"""`scorestream score`: applications over HTTP, decisions on the screen or as JSON lines."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import click
import httpx
import msgspec

from contracts.application import example
from contracts.csv_rows import applications_in
from infra.local.display import Display
from scorestream.client import NotDecidedInTime, Refused, ScorestreamClient


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--url", envvar="GATEWAY_URL", default="http://127.0.0.1:8000", show_default=True, help="The gateway."
)
@click.option(
    "--key-file",
    envvar="GATEWAY_API_KEY_FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the API key, where the gateway asks for one.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most this many.")
@click.option("--json", "as_json", is_flag=True, help="One decision document a line.")
def score(file: Path | None, url: str, key_file: Path | None, limit: int | None, as_json: bool) -> None:
    """Send applications one after the other and print their decisions.

    FILE is a Home Credit application CSV, or JSON: one application, or one a line. Without it the
    documented example is sent. For many applications use the batch lane.
    """
    display = Display()
    scored = []
    try:
        key = None if key_file is None else key_file.read_text(encoding="utf-8").strip()
        with ScorestreamClient(url, api_key=key) as client:
            for application in islice(_applications(file), limit):
                started = time.perf_counter()
                decision = client.decide(application)
                if as_json:
                    click.echo(msgspec.json.encode(decision).decode())
                else:
                    scored.append((decision, (time.perf_counter() - started) * 1000))
    except (Refused, NotDecidedInTime, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except httpx.TransportError as error:
        raise click.ClickException(f"no gateway answers at {url}: {error}; start one: make demo") from error
    if not as_json:
        display.decisions(scored, title="Decisions")


def _applications(file: Path | None) -> Iterator[Mapping[str, Any]]:
    if file is None:
        yield json.loads(example("full"))
    elif file.suffix == ".csv":
        yield from applications_in(file)
    else:
        text = file.read_text(encoding="utf-8")
        try:
            yield json.loads(text)
        except json.JSONDecodeError:
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
