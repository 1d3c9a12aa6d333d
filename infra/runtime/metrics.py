"""The registry that a process's metrics are in."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector

#: Bounds of a request's or a hop's histogram, seconds. 0.2 is the promise that the SLO is counted by.
REQUEST_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5)


def process_registry() -> CollectorRegistry:
    """A registry that already says what the process takes: processor time, memory, open files.

    One of its own for each metrics object, so that tests can have several. On systems without /proc the
    process's own metrics are missing.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry
