"""One look for all pictures of a run."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("Agg")

_DPI = 110


def canvas(title: str, x: str, y: str, *, height: float = 5.0) -> tuple[Figure, Axes]:
    """An empty picture with its words, `height` in inches."""
    figure = Figure(figsize=(7.5, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def save(figure: Figure, path: Path) -> Path:
    """The picture as a file; a legend is drawn if something has a label."""
    axes = figure.axes[0]
    if axes.get_legend_handles_labels()[1]:
        axes.legend()
    # No date inside: equal pictures are equal files.
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    return path
