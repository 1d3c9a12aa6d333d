"""Which scorers decide with a promoted version by now, without a screen.

Workers of this machine announce themselves in a folder; others are asked by address, where a name that
stands for many (a headless service of Kubernetes) means each of them. Used by promote and rollback.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from contracts.events import ModelPromoted
from infra.runtime.presence import present

_TIMEOUT_S: Final = 2.0
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where workers are looked for: the folder of announcements, and addresses of others' /readyz."""

    run_dir: Path
    urls: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Worker:
    """A scorer and the version that it decides with; None when it has none, or does not answer."""

    name: str
    url: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Switched:
    """The workers that were found, and the seconds until the last of them had switched."""

    workers: tuple[Worker, ...]
    behind: tuple[Worker, ...]
    took_s: float


async def wait_until_switched(
    promoted: ModelPromoted,
    places: Whereabouts,
    *,
    timeout_s: float,
    look: Callable[[Sequence[Worker]], None] = lambda _: None,
) -> Switched:
    """How it stands when every worker decides with `promoted`, or after `timeout_s`.

    `look` is told the workers at each look. None found is an answer, too: whoever starts later begins
    with the newest promotion.
    """
    started = time.monotonic()
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
        while True:
            workers = await _workers(client, places, promoted.name)
            look(workers)
            behind = tuple(worker for worker in workers if worker.version != promoted.version)
            took_s = time.monotonic() - started
            if not behind or took_s >= timeout_s:
                return Switched(workers, behind, took_s)
            await asyncio.sleep(_POLL_S)


async def _workers(client: httpx.AsyncClient, places: Whereabouts, model_name: str) -> tuple[Worker, ...]:
    announced = {one.url: one.name for one in present(places.run_dir) if one.name.startswith("scorer")}
    resolved = await asyncio.to_thread(_each_address, places.urls)
    asked = {**dict.fromkeys(resolved, "scorer"), **announced}
    said = await asyncio.gather(*(_said(client, url) for url in asked))
    found = (
        _worker(name, url, report, model_name)
        for (url, name), report in zip(asked.items(), said, strict=True)
    )
    return tuple(worker for worker in found if worker is not None)


def _worker(name: str, url: str, report: dict[str, Any], model_name: str) -> Worker | None:
    """None for a worker of another model."""
    model = report.get("model")
    if not isinstance(model, dict):
        return Worker(name, url, None)
    return Worker(name, url, str(model["version"])) if model.get("name") == model_name else None


async def _said(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    try:
        report = (await client.get(f"{url}/readyz")).json()
    except (httpx.HTTPError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _each_address(urls: Sequence[str]) -> list[str]:
    """The addresses behind the names in `urls`; a name that nobody knows stays, and does not answer."""
    found: list[str] = []
    for url in urls:
        parsed = httpx.URL(url)
        try:
            entries = socket.getaddrinfo(parsed.host, parsed.port or 80, type=socket.SOCK_STREAM)
        except OSError:
            found.append(url.rstrip("/"))
            continue
        # A process has one address of each family: asking it twice would count it twice.
        family = min(entry[0] for entry in entries)
        hosts = [str(entry[4][0]) for entry in entries if entry[0] == family]
        found += [str(parsed.copy_with(host=host)).rstrip("/") for host in hosts]
    return sorted(set(found))
