"""Pictures of how well a model tells and how true its PDs are. Drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import precision_recall_curve, roc_curve

from scorer.calibration import Calibrator
from scorer.policy import CutOffs, PointsScale
from training.canvas import canvas, save
from training.cost import FALSE_NEGATIVE_COST, cost_curve
from training.evaluate import Decile
from training.findings import CalibratorChoice
from training.growing import Fold
from training.intervals import share_interval
from training.stability import psi_between

Probabilities = npt.NDArray[np.float64]
Target = npt.NDArray[np.int64]

_SEEN_BINS: Final = 20


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


def draw_calibrators(
    folder: Path, choice: CalibratorChoice, chosen: Calibrator, metrics: Mapping[str, float]
) -> Path:
    """calibrators.png: Platt's curve and the isotonic one over the margin, and the bad rates they go by.

    `metrics` has the log loss that each was chosen by, over folds of the choose part.
    """
    figure, axes = canvas("Calibrators, on the part they are chosen on", "margin (log-odds)", "PD")
    margins = np.linspace(choice.margins.min(), choice.margins.max(), 500)
    for candidate in choice.candidates:
        kind = type(candidate).__name__
        loss = metrics.get(f"choose_log_loss_{kind.lower()}")
        is_chosen = type(candidate) is type(chosen)
        axes.plot(
            margins,
            candidate.probabilities(margins),
            linewidth=2.5 if is_chosen else 1.2,
            linestyle="-" if is_chosen else "--",
            label=kind
            + ("" if loss is None else f", log loss {loss:.5f}")
            + (" (chosen)" if is_chosen else ""),
        )
    bins = [
        rows for rows in np.array_split(np.argsort(choice.margins, kind="stable"), _SEEN_BINS) if len(rows)
    ]
    seen = np.array([choice.target[rows].mean() for rows in bins])
    intervals = [share_interval(int(choice.target[rows].sum()), len(rows)) for rows in bins]
    below = seen - np.array([interval.low for interval in intervals])
    above = np.array([interval.high for interval in intervals]) - seen
    axes.errorbar(
        [choice.margins[rows].mean() for rows in bins],
        seen,
        yerr=np.maximum([below, above], 0.0),
        fmt="o",
        markersize=4,
        color="black",
        capsize=3,
        label="bad rate seen, by twentieth",
    )
    return save(figure, folder / "calibrators.png")


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


def draw_scale(folder: Path, scale: PointsScale, cut_offs: CutOffs) -> Path:
    """points_scale.png: the points for each PD, and which are approved, referred and declined."""
    figure, axes = canvas("From PD to points", "PD", "points, more is safer")
    probabilities = np.geomspace(0.001, 0.999, 2_000)
    points = [scale.points(probability) for probability in probabilities.tolist()]
    axes.plot(probabilities, points, color="black")
    for low, high, decision, colour in (
        (0.001, cut_offs.approve_below, "approved", "tab:green"),
        (cut_offs.approve_below, cut_offs.decline_from, "referred", "tab:orange"),
        (cut_offs.decline_from, 0.999, "declined", "tab:red"),
    ):
        ends = f"{scale.points(high)} to {scale.points(low)} points"
        axes.axvspan(low, high, alpha=0.2, color=colour, linewidth=0, label=f"{decision}: {ends}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes.set_xlim(0.001, 0.999)
    return save(figure, folder / "points_scale.png")


def draw_points_shift(
    folder: Path, held_out: Probabilities, unlabelled: Probabilities, scale: PointsScale, cut_offs: CutOffs
) -> Path:
    """points_shift.png: the points of the held-out applicants, and of those whose end is not known."""
    moved = psi_between(held_out, unlabelled)
    title = f"Has the score moved: PSI {moved:.3f} (0.1 calm, 0.25 moved)"
    figure, axes = canvas(title, "points, more is safer", "density")
    bins = np.linspace(scale.lowest, scale.highest, 56).tolist()
    for probabilities, name in ((held_out, "held-out"), (unlabelled, "without a known end (test file)")):
        points = [scale.points(probability) for probability in probabilities.tolist()]
        approved = float(np.mean(probabilities < cut_offs.approve_below))
        label = f"{name}: {len(points):,}, {approved:.1%} approved"
        axes.hist(points, bins=bins, density=True, alpha=0.5, label=label)
    axes.axvline(scale.points(cut_offs.approve_below), linestyle="--", color="black", label="cut-off")
    return save(figure, folder / "points_shift.png")


def draw_learning(folder: Path, folds: Sequence[Fold]) -> Path:
    """learning.png: each fold's log loss after each tree, and the number of trees it was best with."""
    figure, axes = canvas("Growing, fold by fold", "trees", "log loss of the rows left out")
    for number, fold in enumerate(folds, 1):
        (line,) = axes.plot(range(1, len(fold.curve) + 1), fold.curve, label=f"fold {number}")
        axes.axvline(fold.n_trees, linestyle=":", color=line.get_color())
    return save(figure, folder / "learning.png")
