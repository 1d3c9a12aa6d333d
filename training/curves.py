"""Pictures of how well a model tells and how true its PDs are. Drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve, roc_curve

from scorer.policy import CutOffs, PointsScale
from training.canvas import canvas, save
from training.cost import FALSE_NEGATIVE_COST, cost_curve
from training.evaluate import Decile
from training.growing import Fold
from training.intervals import share_interval

Probabilities = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]


def draw_calibration(folder: Path, table: Sequence[Decile]) -> Path:
    """calibration.png: the bad rate seen over the PD promised, by decile, with 95 % intervals."""
    figure, axes = canvas("Calibration on held-out applicants", "mean PD of the decile", "bad rate seen")
    limit = max(max(row.mean_probability, row.bad_rate) for row in table) * 1.1
    axes.plot([0.0, limit], [0.0, limit], linestyle="--", color="grey", label="perfect")
    seen = np.array([row.bad_rate for row in table])
    intervals = [share_interval(round(row.bad_rate * row.applicants), row.applicants) for row in table]
    below = seen - np.array([interval.low for interval in intervals])
    above = np.array([interval.high for interval in intervals]) - seen
    axes.errorbar(
        [row.mean_probability for row in table],
        seen,
        yerr=np.maximum([below, above], 0.0),
        marker="o",
        capsize=3,
        label="model",
    )
    return save(figure, folder / "calibration.png")


def draw_deciles(folder: Path, table: Sequence[Decile]) -> Path:
    """deciles.png: promised and seen bad rate of each tenth, safest first."""
    figure, axes = canvas("Deciles of held-out applicants", "decile, safest first", "bad rate")
    at = np.array([row.decile for row in table])
    axes.bar(at - 0.2, [row.mean_probability for row in table], width=0.4, label="promised")
    axes.bar(at + 0.2, [row.bad_rate for row in table], width=0.4, label="seen")
    axes.set_xticks(at)
    return save(figure, folder / "deciles.png")


def draw_cost(
    folder: Path, probabilities: Probabilities, target: Target, cut_offs: CutOffs, break_even: float
) -> Path:
    """cost.png: the cost per applicant over the cut-off, the one that was chosen, and the refer band."""
    figure, axes = canvas("Business cost on held-out applicants", "cut-off (PD)", "cost per applicant")
    axes.plot(*cost_curve(probabilities, target), label="10 FN + FP")
    axes.axhline(
        FALSE_NEGATIVE_COST * float(target.mean()), linestyle=":", color="grey", label="approving everybody"
    )
    axes.axvline(break_even, linestyle="--", color="black", label=f"chosen before: {break_even:.3f}")
    axes.axvspan(cut_offs.approve_below, cut_offs.decline_from, alpha=0.2, label="referred")
    return save(figure, folder / "cost.png")


def draw_approval(folder: Path, probabilities: Probabilities, target: Target, cut_offs: CutOffs) -> Path:
    """approval.png: the bad rate among the approved over the share that is approved."""
    figure, axes = canvas("What approving more costs", "share approved", "bad rate of the approved")
    order = np.argsort(probabilities, kind="stable")
    approved = np.arange(1, len(order) + 1)
    start = max(1, len(order) // 50)
    rates = np.cumsum(target[order]) / approved
    axes.plot(approved[start:] / len(order), rates[start:], label="model")
    axes.axvline(
        float(np.mean(probabilities < cut_offs.approve_below)), linestyle="--", color="grey", label="approved"
    )
    return save(figure, folder / "approval.png")


def draw_roc(folder: Path, probabilities: Probabilities, target: Target) -> Path:
    """roc.png: defaults found over good applicants refused."""
    figure, axes = canvas(
        "ROC on held-out applicants", "share of the good refused", "share of defaults found"
    )
    false_positive_rate, true_positive_rate, _ = roc_curve(target, probabilities)
    axes.plot(false_positive_rate, true_positive_rate, label="model")
    axes.plot([0.0, 1.0], [0.0, 1.0], linestyle="--", color="grey", label="chance")
    return save(figure, folder / "roc.png")


def draw_precision_recall(folder: Path, probabilities: Probabilities, target: Target) -> Path:
    """precision_recall.png: how many of those refused would have defaulted, over how many are found."""
    figure, axes = canvas(
        "Precision and recall on held-out applicants", "share of defaults found", "bad rate of the refused"
    )
    precision, recall, _ = precision_recall_curve(target, probabilities)
    axes.plot(recall, precision, label="model")
    axes.axhline(float(target.mean()), linestyle="--", color="grey", label="chance")
    return save(figure, folder / "precision_recall.png")


def draw_ks(folder: Path, probabilities: Probabilities, target: Target) -> Path:
    """ks.png: how the good and the bad spread over PD, and where they are farthest apart."""
    figure, axes = canvas("Good and bad over PD", "PD", "share at or below")
    ordered = np.sort(probabilities)
    shares = [
        np.searchsorted(np.sort(probabilities[target == label]), ordered, side="right")
        / max(1, int(np.count_nonzero(target == label)))
        for label in (0, 1)
    ]
    farthest = int(np.argmax(shares[0] - shares[1]))
    axes.plot(ordered, shares[0], label="good")
    axes.plot(ordered, shares[1], label="bad")
    axes.vlines(
        ordered[farthest], shares[1][farthest], shares[0][farthest], linestyle="--", color="grey", label="KS"
    )
    return save(figure, folder / "ks.png")


def draw_points(folder: Path, probabilities: Probabilities, target: Target, scale: PointsScale) -> Path:
    """points.png: how many points the good and the bad get."""
    figure, axes = canvas("Points of held-out applicants", "points, more is safer", "density")
    points = np.array([scale.points(probability) for probability in probabilities.tolist()])
    bins = np.linspace(scale.lowest, scale.highest, 56)
    for label, name in ((0, "good"), (1, "bad")):
        if np.any(target == label):
            axes.hist(points[target == label], bins=bins.tolist(), density=True, alpha=0.5, label=name)
    return save(figure, folder / "points.png")


def draw_learning(folder: Path, folds: Sequence[Fold]) -> Path:
    """learning.png: each fold's log loss after each tree, and the number of trees it was best with."""
    figure, axes = canvas("Growing, fold by fold", "trees", "log loss of the rows left out")
    for number, fold in enumerate(folds, 1):
        (line,) = axes.plot(range(1, len(fold.curve) + 1), fold.curve, label=f"fold {number}")
        axes.axvline(fold.n_trees, linestyle=":", color=line.get_color())
    return save(figure, folder / "learning.png")
