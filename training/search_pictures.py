"""Pictures of a search: how the trials went, and what each setting had to do with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from training.canvas import canvas, save
from training.tune import Tried

_COLUMNS = 4


def draw_tuning(folder: Path, tried: Sequence[Tried]) -> Path:
    """tuning.png: what each trial reached, those that were stopped early, and the best so far."""
    figure, axes = canvas("Tuning", "finished trials", "AUC less the price of leaves", height=4)
    values = np.array([np.nan if trial.value is None else trial.value for trial in tried])
    at = np.arange(1, len(values) + 1)
    is_pruned = np.isnan(values)
    best = np.fmax.accumulate(values)
    axes.plot(at[~is_pruned], values[~is_pruned], "o", label="trial")
    axes.plot(at, best, drawstyle="steps-post", color="tab:green", label="best so far")
    if is_pruned.any():
        lowest = np.full(int(is_pruned.sum()), np.nanmin(values))
        axes.plot(at[is_pruned], lowest, "x", color="grey", label="stopped early")
    return save(figure, folder / "tuning.png")


def draw_settings(folder: Path, tried: Sequence[Tried]) -> Path:
    """tuning_settings.png: what each trial reached over each setting; later trials are darker."""
    done = [(number, trial) for number, trial in enumerate(tried) if trial.value is not None]
    names = sorted(done[0][1].parameters)
    rows = -(-len(names) // _COLUMNS)
    figure = Figure(figsize=(3.0 * _COLUMNS, 2.6 * rows), layout="constrained")
    figure.suptitle("AUC less the price of leaves, over each setting (later trials are darker)")
    panels = np.atleast_1d(figure.subplots(rows, _COLUMNS, sharey=True)).ravel()
    for axes, name in zip(panels, names, strict=False):
        axes.scatter(
            [trial.parameters[name] for _, trial in done],
            [trial.value for _, trial in done],
            c=[number for number, _ in done],
            cmap="Blues",
            vmin=-len(tried) / 2,
            edgecolors="tab:blue",
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if _is_wide(done, name) else (1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(name)
        axes.tick_params(labelsize=7)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return save(figure, folder / "tuning_settings.png")


def _is_wide(done: Sequence[tuple[int, Tried]], name: str) -> bool:
    """Whether a setting was tried over more than two powers of ten."""
    values = [trial.parameters[name] for _, trial in done]
    return max(values) > 100.0 * min(values)
