"""Draws all that is worth looking at in a run: no figure of a model is to be found in a JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from training import bars, curves, group_pictures, search_pictures
from training.build import BuiltModel
from training.tune import Tuned


def draw_all(
    folder: Path, built: BuiltModel, *, tuned: Tuned | None, compared: Mapping[str, float]
) -> list[Path]:
    """The pictures' files in `folder`, which must be there."""
    findings, manifest = built.findings, built.manifest
    scored = (findings.probabilities, findings.target)
    drawn = [
        curves.draw_calibration(folder, findings.deciles),
        curves.draw_calibrators(folder, findings.calibrators, manifest.calibrator, built.metrics),
        curves.draw_deciles(folder, findings.deciles),
        curves.draw_cost(folder, *scored, manifest.cut_offs, built.metrics["break_even"]),
        curves.draw_approval(folder, *scored, manifest.cut_offs),
        curves.draw_roc(folder, *scored),
        curves.draw_precision_recall(folder, *scored),
        curves.draw_ks(folder, *scored),
        curves.draw_points(folder, *scored, manifest.points),
        curves.draw_scale(folder, manifest.points, manifest.cut_offs),
        bars.draw_baselines(folder, {**built.metrics, **compared}),
        bars.draw_importance(folder, findings.importance),
        bars.draw_shap_bar(folder, findings.explained),
        bars.draw_shap_beeswarm(folder, findings.explained),
        bars.draw_single_features(folder, findings.single_aucs),
    ]
    if findings.groups:
        drawn.append(group_pictures.draw_groups(folder, findings.groups))
        drawn.append(group_pictures.draw_group_ratios(folder, findings.groups))
        drawn.append(group_pictures.draw_group_defaults_found(folder, findings.groups))
        drawn.append(group_pictures.draw_group_calibration(folder, findings.groups))
    if findings.folds:
        drawn.append(bars.draw_folds(folder, [fold.auc for fold in findings.folds]))
        drawn.append(curves.draw_learning(folder, findings.folds))
    if findings.psis:
        drawn.append(bars.draw_stability(folder, findings.psis))
    if len(unlabelled := findings.unlabelled_probabilities):
        decided = (manifest.points, manifest.cut_offs)
        drawn.append(curves.draw_points_shift(folder, findings.probabilities, unlabelled, *decided))
    if built.selected is not None:
        drawn.append(bars.draw_selection(folder, built.selected))
    if tuned is not None and tuned.best_trial is not None:
        drawn.append(search_pictures.draw_tuning(folder, tuned.tried))
        drawn.append(search_pictures.draw_settings(folder, tuned.tried))
    return drawn
