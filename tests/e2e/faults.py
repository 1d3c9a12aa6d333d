"""What a fault test stands on: the scoring path on a broker of its own, and its figures printed."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from contracts.events import ModelPromoted
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.topics import ensure_topics
from tests.e2e.conftest import PARTITIONS, ScoringPath
from tests.e2e.load import Load, Request
from tests.e2e.processes import Process, wait_until

#: Ids that no other load of this run uses.
applicants: Callable[[], int] = itertools.count(1_000_000_000).__next__


#: A gateway that waits longer than a busy machine takes, where a 503 would be a finding.
PATIENT: Mapping[str, str] = {"GATEWAY_DEADLINE_MS": "2000"}


class FaultyPath(ScoringPath):
    """A scoring path whose processes may start before they can get ready."""

    def starting_gateway(self, **settings: str) -> Process:
        """A gateway that nobody waited for."""
        return self._process("gateway", ["gateway"], settings).start(is_waiting=False)

    def starting_scorer(self, lane: str = "sync", **settings: str) -> Process:
        """A scorer that nobody waited for."""
        return self._process("scorer", ["scorer", "--lane", lane], settings).start(is_waiting=False)


@contextmanager
def own_broker(folder: Path, promoted: ModelPromoted | None) -> Iterator[tuple[EmbeddedKafka, FaultyPath]]:
    """A broker that a test may kill, with topics and, unless None, a model in Production."""
    with EmbeddedKafka(folder / "kafka") as kafka:
        asyncio.run(ensure_topics(kafka.bootstrap_servers, partitions=PARTITIONS, replication=1))
        path = FaultyPath(kafka.bootstrap_servers, folder)
        if promoted is not None:
            path.promote(promoted)
        try:
            yield kafka, path
        finally:
            path.stop()


def wait_until_answered(load: Load, *, since_s: float, timeout_s: float = 60) -> float:
    """Wait until requests are answered with decisions again; seconds from `since_s` until the first was.

    The first is the first decision that was asked for after `since_s`.
    """
    wait_until(
        lambda: load.is_answered_again(since_s=since_s), timeout_s=timeout_s, why="decisions come again"
    )
    return min(r.ended_s for r in load.since(since_s) if r.status == 200) - since_s


def longest_without_answer(requests: list[Request], *, since_s: float) -> float:
    """Seconds of the longest gap between two decisions after `since_s`."""
    ended = sorted(r.ended_s for r in requests if r.status == 200 and r.ended_s >= since_s)
    return max((later - earlier for earlier, later in itertools.pairwise([since_s, *ended])), default=0.0)


def now() -> float:
    """The clock of `Request`."""
    return time.monotonic()


def report(what: str, **figures: object) -> None:
    """Print what was measured; `pytest -s`, and the captured output of a failure, show it."""
    told = (
        f"{name}={f'{value:.3f}' if isinstance(value, float) else value}" for name, value in figures.items()
    )
    print(f"\n  measured, {what}: {', '.join(told)}")  # noqa: T201
