"""All that is found out about a fitted model on rows that nothing was chosen on, for figures and pictures.

Pure. `training.pictures` draws it, `training.card` tells it, the manifest's lineage keeps its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scorer.calibration import Calibrator
from scorer.manifest import Manifest
from training.baselines import evaluate_baselines
from training.calibrate import fit_isotonic, fit_platt
from training.cost import cost_per_applicant
from training.dataset import Dataset
from training.evaluate import Decile, deciles, evaluate, expected_calibration_error
from training.explain import Explained, explain_sample, global_importance
from training.fairness import GroupFigures, fairness_facts, group_figures
from training.growing import Fold, Grown, auc_of
from training.intervals import auc_interval, cost_interval, is_measurable
from training.leakage import single_feature_aucs, suspects
from training.stability import feature_psis, psi_between


@dataclass(frozen=True, slots=True)
class CalibratorChoice:
    """The choose part's margins and ends, and the calibrators fitted on all of it that could be chosen."""

    margins: npt.NDArray[np.float64]
    target: npt.NDArray[np.int64]
    candidates: tuple[Calibrator, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to see.

    `importance` is per reason group; `single_aucs` of each feature alone, on the fit part, and `psis` of
    each feature against the unlabelled applications, both highest first (`psis` empty without any).
    """

    probabilities: npt.NDArray[np.float64]
    target: npt.NDArray[np.int64]
    deciles: list[Decile]
    groups: list[GroupFigures]
    explained: Explained
    importance: dict[str, float]
    folds: tuple[Fold, ...]
    single_aucs: dict[str, float]
    psis: dict[str, float]
    unlabelled_probabilities: npt.NDArray[np.float64]
    calibrators: CalibratorChoice


def find(dataset: Dataset, grown: Grown, manifest: Manifest) -> tuple[Findings, dict[str, float]]:
    """The findings, and the figures by name."""
    rows, names = dataset.parts.held_out, grown.features
    features, target = dataset.select(rows, names), dataset.target[rows]
    probabilities = manifest.calibrator.probabilities(grown.model.margins(features))
    explained = explain_sample(grown.model, features, names, seed=manifest.lineage.seed)
    unlabelled, psis = _against_unlabelled(dataset, grown, manifest)
    findings = Findings(
        probabilities=probabilities,
        target=target,
        deciles=deciles(probabilities, target),
        groups=group_figures(dataset.columns[rows], probabilities, target, manifest.cut_offs),
        explained=explained,
        importance=global_importance(explained, manifest.reason_groups),
        folds=grown.folds,
        single_aucs=fit_part_aucs(dataset, names),
        psis=psis,
        unlabelled_probabilities=unlabelled,
        calibrators=_calibrators(dataset, grown),
    )
    return findings, _metrics(findings, dataset, grown, manifest)


def fit_part_aucs(dataset: Dataset, names: tuple[str, ...]) -> dict[str, float]:
    """How well each feature alone tells who defaults, on the fit part, best first."""
    rows = dataset.parts.fit
    return single_feature_aucs(dataset.select(rows, names), dataset.target[rows], names)


def _calibrators(dataset: Dataset, grown: Grown) -> CalibratorChoice:
    rows = dataset.parts.choose
    margins, target = grown.model.margins(dataset.select(rows, grown.features)), dataset.target[rows]
    return CalibratorChoice(margins, target, (fit_platt(margins, target), fit_isotonic(margins, target)))


def _against_unlabelled(
    dataset: Dataset, grown: Grown, manifest: Manifest
) -> tuple[npt.NDArray[np.float64], dict[str, float]]:
    if dataset.unlabelled is None or not len(dataset.unlabelled):
        return np.empty(0), {}
    at = {name: index for index, name in enumerate(dataset.names)}
    there = np.ascontiguousarray(dataset.unlabelled[:, [at[name] for name in grown.features]])
    here = dataset.select(dataset.parts.held_out, grown.features)
    return (
        manifest.calibrator.probabilities(grown.model.margins(there)),
        feature_psis(here, there, grown.features),
    )


def _metrics(findings: Findings, dataset: Dataset, grown: Grown, manifest: Manifest) -> dict[str, float]:
    cut_off = manifest.lineage.metrics["break_even"]
    probabilities, target = findings.probabilities, findings.target
    auc = auc_interval(probabilities, target, seed=manifest.lineage.seed)
    cost = cost_interval(probabilities, target, cut_off)
    metrics = {
        **evaluate(probabilities, target, cut_offs=manifest.cut_offs, break_even=cut_off),
        "auc_low": auc.low,
        "auc_high": auc.high,
        "cost_low": cost.low,
        "cost_high": cost.high,
        **_newest(findings, dataset, manifest),
        **evaluate_baselines(dataset, grown.features),
        **fairness_facts(findings.groups),
        "leak_suspects": float(len(suspects(findings.single_aucs))),
        "trees": float(grown.model.n_trees),
        "leaves": float(grown.model.n_leaves),
        "features": float(len(grown.features)),
        "is_cut_short": float(grown.is_cut_short),
    }
    if grown.folds:
        metrics["fold_auc_mean"] = float(np.mean(grown.fold_aucs))
    if len(grown.folds) > 1:
        metrics["fold_auc_spread"] = float(np.std(grown.fold_aucs, ddof=1))
    if len(findings.unlabelled_probabilities):
        metrics["score_psi"] = psi_between(probabilities, findings.unlabelled_probabilities)
        metrics["features_moved"] = float(sum(value > 0.25 for value in findings.psis.values()))
    return metrics


def _newest(findings: Findings, dataset: Dataset, manifest: Manifest) -> dict[str, float]:
    """The figures of those whom time chose to be held out; only how many, where they are too few."""
    parts = dataset.parts
    if not len(parts.newest):
        return {}
    is_newest = np.isin(parts.held_out, parts.newest)
    probabilities, target = findings.probabilities[is_newest], findings.target[is_newest]
    figures = {"newest_applicants": float(len(target))}
    if not is_measurable(target):
        return figures
    auc = auc_interval(probabilities, target, seed=manifest.lineage.seed)
    cut_off = manifest.lineage.metrics["break_even"]
    return {
        **figures,
        "newest_auc": auc_of(probabilities, target),
        "newest_auc_low": auc.low,
        "newest_auc_high": auc.high,
        "newest_cost_per_applicant": cost_per_applicant(probabilities, target, cut_off),
        "newest_ece": expected_calibration_error(probabilities, target),
    }
