"""Pictures of how groups of people are treated: gender, age, and others, with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.canvas import canvas, save
from training.fairness import GroupFigures
from training.gates import APPROVAL_RATIO
from training.intervals import Interval


def draw_groups(folder: Path, groups: Sequence[GroupFigures]) -> Path:
    """fairness_approval.png: the approval rate of each group."""
    figure, axes = _canvas("Groups of applicants", "approval rate", groups)
    _dots(axes, [row.approval_rate for row in groups], [row.approval_interval for row in groups])
    _name_lines(axes, [f"{row.attribute}: {row.value} ({row.applicants})" for row in groups])
    return save(figure, folder / "fairness_approval.png")


def draw_group_ratios(folder: Path, groups: Sequence[GroupFigures]) -> Path:
    """fairness_ratio.png: each group's approval rate over that of the most approved of its attribute."""
    figure, axes = _canvas(
        "Is each group approved alike", "approval rate / that of the most approved of the attribute", groups
    )
    _dots(axes, [row.approval_ratio for row in groups], [row.approval_ratio_interval for row in groups])
    axes.axvline(1.0, linestyle="--", color="grey", label="the most approved")
    axes.axvline(APPROVAL_RATIO, linestyle="--", color="red", label="four fifths")
    _name_lines(axes, [f"{row.attribute}: {row.value}" for row in groups])
    return save(figure, folder / "fairness_ratio.png")


def draw_group_defaults_found(folder: Path, groups: Sequence[GroupFigures]) -> Path:
    """fairness_tpr.png: the share of defaults that was not approved, in each group that has some."""
    rows = [row for row in groups if row.bad_rate > 0.0]
    figure, axes = _canvas(
        "Are the defaults of each group found", "share of defaults not approved (TPR)", rows
    )
    _dots(axes, [row.true_positive_rate for row in rows], [row.true_positive_interval for row in rows])
    axes.set_xlim(-0.02, 1.02)
    defaults = [round(row.bad_rate * row.applicants) for row in rows]
    _name_lines(
        axes,
        [f"{row.attribute}: {row.value} ({bad} bad)" for row, bad in zip(rows, defaults, strict=True)],
    )
    return save(figure, folder / "fairness_tpr.png")


def draw_group_calibration(folder: Path, groups: Sequence[GroupFigures]) -> Path:
    """fairness_calibration.png: bad rate seen over PD promised, by group."""
    figure, axes = _canvas("Is the PD true in each group", "bad rate seen / PD promised", groups)
    _dots(
        axes,
        [row.observed_to_expected for row in groups],
        [row.observed_to_expected_interval for row in groups],
    )
    axes.axvline(1.0, linestyle="--", color="grey")
    _name_lines(axes, [f"{row.attribute}: {row.value}" for row in groups])
    return save(figure, folder / "fairness_calibration.png")


def _canvas(title: str, x: str, groups: Sequence[GroupFigures]) -> tuple[Figure, Axes]:
    return canvas(title, x, "", height=2.0 + 0.3 * len(groups))


def _name_lines(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()  # the first of the table at the top


def _dots(axes: Axes, middles: Sequence[float], intervals: Sequence[Interval]) -> None:
    low = [max(0.0, middle - interval.low) for middle, interval in zip(middles, intervals, strict=True)]
    high = [
        max(0.0, interval.high - middle) if math.isfinite(interval.high) else 0.0
        for middle, interval in zip(middles, intervals, strict=True)
    ]
    axes.errorbar(middles, range(len(middles)), xerr=[low, high], fmt="o", capsize=3)
