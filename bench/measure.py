"""Repeats, medians and spread: how every figure of the benchmark is taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from msgspec import to_builtins


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of some repeats, and how far they lie apart."""

    median: float
    lowest: float
    highest: float
    repeats: int

    @property
    def spread(self) -> float:
        """Highest less lowest, as a share of the median."""
        return (self.highest - self.lowest) / self.median if self.median else 0.0

    def __str__(self) -> str:
        return f"{self.median:,.4g} ±{self.spread / 2:.0%}"


def figure(values: Sequence[float]) -> Figure:
    """The figure that the repeats make."""
    return Figure(median(values), min(values), max(values), len(values))


def microseconds(call: Callable[[], object], *, repeats: int, seconds: float = 0.2, per: int = 1) -> Figure:
    """Processor time of a call, divided by `per`: each repeat is a mean over `seconds`, after a warm-up."""
    return figure([_mean_us(call, seconds) / per for _ in range(repeats + 1)][1:])


def interleaved(
    calls: dict[str, Callable[[], object]], *, repeats: int, per: int = 1, seconds: float = 0.2
) -> dict[str, Figure]:
    """The same for several calls, one after the other in each repeat: what slows one slows the others."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            mean = _mean_us(call, seconds) / per
            if repeat:
                taken[name].append(mean)
    return {name: figure(values) for name, values in taken.items()}


def plain(value: Any) -> Any:
    """What JSON can hold of results that hold figures."""
    return to_builtins(value, enc_hook=str)


def _mean_us(call: Callable[[], object], seconds: float) -> float:
    # The thread's own processor time: what else runs on the machine takes turns, and is not counted.
    started, count = time.thread_time(), 0
    while (passed := time.thread_time() - started) < seconds:
        call()
        count += 1
    return passed / count * 1e6
