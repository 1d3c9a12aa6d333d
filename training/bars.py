"""Pictures that compare: models, features, folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from feature_service.application import CATEGORY_NAMES
from training.canvas import canvas, save
from training.explain import Explained
from training.leakage import LEAK_AUC
from training.select_features import Selected

_BASELINES = {
    "approve everybody": "baseline_approve_all",
    "mean external score": "baseline_external_mean",
    "logistic regression": "baseline_logistic",
    "model in Production": "production",
}
#: What is compared: title, the model's figure, its interval's ends, the others' figures.
_COMPARED = tuple(
    (title, own, low, high, {name: f"{key}_{figure}" for name, key in _BASELINES.items()})
    for title, own, low, high, figure in (
        ("AUC, more is better", "auc", "auc_low", "auc_high", "auc"),
        ("cost per applicant, less is better", "cost_per_applicant", "cost_low", "cost_high", "cost"),
        ("calibration error, less is better", "ece", "ece", "ece", "ece"),
    )
)
_TOP = 20
_SWARM_FEATURES = 20
#: Where the dots of one feature may lie around its line.
_SWARM_HEIGHT = 0.38


def draw_baselines(folder: Path, metrics: Mapping[str, float]) -> Path:
    """baselines.png: AUC, cost and calibration error of the model, and of what it must beat."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    figure.suptitle("Against the baselines, on the same held-out applicants")
    panels = figure.subplots(1, len(_COMPARED), sharey=True)
    for axes, (title, own, low, high, others) in zip(panels, _COMPARED, strict=True):
        values = [metrics.get(key, math.nan) for key in (*others.values(), own)]
        axes.barh([*others, "this model"], values, color=["gainsboro"] * len(others) + ["lightskyblue"])
        ends = (metrics.get(low, metrics[own]), metrics.get(high, metrics[own]))
        error = [[max(0.0, metrics[own] - ends[0])], [max(0.0, ends[1] - metrics[own])]]
        axes.errorbar([metrics[own]], ["this model"], xerr=error, color="black", capsize=4)
        axes.set_xlabel(title)
        for line, value in enumerate(values):
            if math.isfinite(value):
                axes.annotate(f" {value:.4f}", (0, line), xycoords=("axes fraction", "data"), va="bottom")
        if own == "auc":
            axes.set_xlim(0.5, np.nanmax([*values, *ends]) + 0.03)
    return save(figure, folder / "baselines.png")


def draw_importance(folder: Path, importance: Mapping[str, float]) -> Path:
    """importance.png: the mean absolute contribution of each reason group."""
    return _bars(
        folder / "importance.png", "What moves the score", "mean |contribution| (log-odds)", importance
    )


def draw_shap_bar(folder: Path, explained: Explained) -> Path:
    """shap_bar.png: the mean absolute contribution of the strongest features."""
    strength = np.abs(explained.contributions).mean(axis=0)
    order = np.argsort(-strength, kind="stable")[:_TOP]
    values = {explained.names[index]: float(strength[index]) for index in order}
    return _bars(
        folder / "shap_bar.png", "Exact contributions by feature", "mean |contribution| (log-odds)", values
    )


def draw_shap_beeswarm(folder: Path, explained: Explained) -> Path:
    """shap_beeswarm.png: a dot per applicant and feature; right is towards default, red a high value."""
    strength = np.abs(explained.contributions).mean(axis=0)
    order = np.argsort(-strength, kind="stable")[:_SWARM_FEATURES][::-1]
    figure, axes = canvas(
        "Exact contributions by feature and applicant",
        "contribution (log-odds): right is towards default",
        "",
        height=8,
    )
    for line, column in enumerate(order):
        contributions = explained.contributions[:, column]
        values = explained.features[:, column]
        heights = line + _SWARM_HEIGHT * _spread(contributions)
        # Categories have no high and low.
        is_plain = np.isnan(values) | (explained.names[column] in CATEGORY_NAMES)
        axes.scatter(contributions[is_plain], heights[is_plain], s=3, color="darkgrey")
        axes.scatter(
            contributions[~is_plain],
            heights[~is_plain],
            s=3,
            c=_ranks(values[~is_plain]),
            cmap="coolwarm",
            vmin=0.0,
            vmax=1.0,
        )
    axes.axvline(0.0, color="grey", linewidth=0.8)
    axes.set_yticks(range(len(order)), [explained.names[column] for column in order], fontsize=8)
    scale = figure.colorbar(ScalarMappable(cmap="coolwarm"), ax=axes, ticks=[0.0, 1.0], aspect=40)
    scale.ax.set_yticklabels(["low", "high"])
    scale.set_label("value of the feature (grey: missing, or a category)")
    return save(figure, folder / "shap_beeswarm.png")


def draw_single_features(folder: Path, aucs: Mapping[str, float]) -> Path:
    """leakage.png: how well the best features alone tell who defaults, and where a leak is suspected."""
    top = dict(list(aucs.items())[:_TOP])
    figure, axes = canvas("Each feature alone", "AUC", "", height=6)
    names = list(top)[::-1]
    axes.barh(names, [top[name] for name in names])
    axes.axvline(LEAK_AUC, linestyle="--", color="red", label="suspected leak")
    axes.set_xlim(0.5, 1.0)
    axes.tick_params(axis="y", labelsize=8)
    return save(figure, folder / "leakage.png")


def draw_selection(folder: Path, selected: Selected) -> Path:
    """selection.png: what each feature gained, those that were dropped, and what noise gains."""
    dropped = set(selected.dropped)
    ranked = sorted(selected.gains, key=lambda name: (-selected.gains[name], name))
    figure, axes = canvas(
        f"Feature selection: {len(ranked) - len(dropped)} of {len(ranked)} stay\nAUC of quick models"
        f" {selected.auc_with_all:.4f} with all, {selected.auc_with_selected:.4f} with these",
        "features, strongest first",
        "gain of its splits, mean of folds",
    )
    # The strongest gain thousands of times what the weakest do, and some nothing at all.
    axes.set_yscale("symlog", linthresh=max(1.0, selected.noise_gain))
    for label, is_dropped, colour in (("stays", False, "tab:blue"), ("dropped", True, "darkgrey")):
        at = [rank for rank, name in enumerate(ranked, 1) if (name in dropped) is is_dropped]
        axes.scatter(at, [selected.gains[ranked[rank - 1]] for rank in at], s=9, color=colour, label=label)
    if dropped:
        axes.axhline(selected.noise_gain, linestyle="--", color="grey", label="what noise gains")
    axes.set_ylim(bottom=-0.05 * max(1.0, selected.noise_gain))
    return save(figure, folder / "selection.png")


def draw_stability(folder: Path, psis: Mapping[str, float]) -> Path:
    """stability.png: the features that have moved farthest from held-out to unlabelled applications."""
    return _bars(
        folder / "stability.png",
        "Applications without a known end against held-out ones",
        "PSI (0.1 calm, 0.25 moved)",
        dict(list(psis.items())[:_TOP]),
    )


def draw_folds(folder: Path, aucs: Sequence[float]) -> Path:
    """folds.png: AUC of each fold of the final fit."""
    figure, axes = canvas("Cross-validation on the fit part", "fold", "AUC", height=4)
    axes.plot(range(1, len(aucs) + 1), aucs, marker="o", linestyle="", label="fold")
    axes.axhline(float(np.mean(aucs)), linestyle="--", color="grey", label="mean")
    axes.set_xticks(range(1, len(aucs) + 1))
    return save(figure, folder / "folds.png")


def _bars(path: Path, title: str, x: str, values: Mapping[str, float]) -> Path:
    figure, axes = canvas(title, x, "", height=max(3.0, 1.5 + 0.25 * len(values)))
    names = list(values)[::-1]
    axes.barh(names, [values[name] for name in names])
    axes.tick_params(axis="y", labelsize=8)
    return save(figure, path)


def _spread(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A height in [-1, 1] per value: wide where values crowd, the same every time."""
    counts, edges = np.histogram(values, bins=60)
    at = np.clip(np.digitize(values, edges[1:-1]), 0, len(counts) - 1)
    heights: npt.NDArray[np.float64] = np.random.default_rng(0).uniform(-1.0, 1.0, len(values))
    spread: npt.NDArray[np.float64] = heights * counts[at] / counts.max()
    return spread


def _ranks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return order / max(1, len(values) - 1)
