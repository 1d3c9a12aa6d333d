"""Pictures of a model for whoever opens its MLflow run. Drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from scorer.policy import CutOffs
from training.cost import cost_curve
from training.evaluate import Decile

mpl.use("Agg")

Probabilities = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]


def draw_calibration(folder: Path, table: Sequence[Decile]) -> Path:
    """calibration.png: the bad rate seen over the PD promised, by decile."""
    figure, axes = _figure("Calibration on held-out applicants", "mean PD of the decile", "bad rate seen")
    limit = max(max(row.mean_probability, row.bad_rate) for row in table) * 1.05
    axes.plot([0.0, limit], [0.0, limit], linestyle="--", color="grey", label="perfect")
    axes.plot(
        [row.mean_probability for row in table], [row.bad_rate for row in table], marker="o", label="model"
    )
    return _save(figure, folder / "calibration.png")


def draw_cost(folder: Path, probabilities: Probabilities, target: Target, cut_offs: CutOffs) -> Path:
    """cost.png: the cost per applicant over the cut-off, with the refer band."""
    figure, axes = _figure("Business cost on held-out applicants", "cut-off (PD)", "cost per applicant")
    axes.plot(*cost_curve(probabilities, target), label="10 FN + FP")
    axes.axvspan(cut_offs.approve_below, cut_offs.decline_from, alpha=0.2, label="referred")
    return _save(figure, folder / "cost.png")


def draw_roc(folder: Path, probabilities: Probabilities, target: Target) -> Path:
    """roc.png: defaults found over good applicants refused."""
    figure, axes = _figure(
        "ROC on held-out applicants", "share of the good refused", "share of defaults found"
    )
    false_positive_rate, true_positive_rate, _ = roc_curve(target, probabilities)
    axes.plot(false_positive_rate, true_positive_rate, label="model")
    axes.plot([0.0, 1.0], [0.0, 1.0], linestyle="--", color="grey", label="chance")
    return _save(figure, folder / "roc.png")


def draw_importance(folder: Path, importance: Mapping[str, float]) -> Path:
    """importance.png: the mean absolute contribution of each reason group."""
    figure, axes = _figure("What moves the score", "mean absolute contribution (log-odds)", "")
    codes = list(importance)[::-1]
    axes.barh(codes, [importance[code] for code in codes], label="reason group")
    return _save(figure, folder / "importance.png")


def _figure(title: str, x: str, y: str) -> tuple[Figure, mpl.axes.Axes]:
    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _save(figure: Figure, path: Path) -> Path:
    figure.axes[0].legend()
    figure.savefig(path, dpi=110)
    return path
