"""What a version must show before it may decide. Facts in, facts out; kept with the version.

A gate that held-out applicants are too few for passes and says that it is unmeasured; one that was never
looked at does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from scorer.bundle import Bundle
from scorer.manifest import Lineage
from scorer.model import DEFAULT_BUDGET, LatencyBudget, ServingModel
from training.challenge import Compared, Comparison
from training.fairness import MIN_APPLICANTS

#: What a gate says first when too few applicants were there to say anything.
UNMEASURED: Final = "unmeasured"
#: How much worse than Production a challenger may be, however surely: about one standard error of the
#: figure itself on 45,000 applicants.
AUC_MARGIN: Final = 0.004
COST_MARGIN: Final = 0.01
_TITLES: Final = {"auc": "AUC", "cost": "cost"}
CHANCE: Final = 0.5
_WITHOUT_A_MODEL: Final = (
    "baseline_external_mean_auc",
    "baseline_approve_all_cost",
    "baseline_decline_all_cost",
)
#: Deciles that differ from their PD by more than chance, or by no more than matters.
CALIBRATION_P: Final = 0.001
CALIBRATION_ERROR: Final = 0.01
#: The four-fifths rule, held against the end of the interval that is kinder to the model.
APPROVAL_RATIO: Final = 0.8
#: How far a group's bad rate may surely be from what its members were promised.
GROUP_MISCALIBRATION: Final = 0.3


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition, whether it holds, why in words, and the numbers that say so with their bounds."""

    name: str
    is_passed: bool
    detail: str
    numbers: dict[str, float] = field(default_factory=dict)


def gates_of(bundle: Bundle, model: ServingModel) -> list[Gate]:
    """What the version shows by itself."""
    lineage = bundle.manifest.lineage
    return [
        proved(bundle),
        _latency(model.row_milliseconds(bundle.golden.features()[:1])),
        _quality(lineage),
        _leaks(lineage),
        _worth(lineage.metrics),
        _calibration(lineage.metrics),
        *fairness_gates(lineage.metrics),
    ]


def proved(bundle: Bundle) -> Gate:
    """What a bundle that could be loaded has shown: its hashes, structure and golden scores."""
    return Gate("bundle proves its golden scores", True, bundle.digest)


def gates_against_production(comparison: Comparison) -> list[Gate]:
    """Whether the challenger is not worse than Production.

    It is worse if it loses more than the tolerance *and* more than chance explains: of many applicants
    the tolerance decides, of few only a loss that another draw of them would show again.
    """
    auc, cost = comparison.auc, comparison.cost
    return [
        _not_worse("auc", auc, loss=-auc.difference, tolerance=AUC_MARGIN, on=comparison.applicants),
        _not_worse("cost", cost, loss=cost.difference, tolerance=COST_MARGIN, on=comparison.applicants),
    ]


def _not_worse(figure: str, compared: Compared, *, loss: float, tolerance: float, on: int) -> Gate:
    if loss <= tolerance:
        verdict = f"inside the tolerance of {tolerance}"
    elif loss <= compared.chance:
        verdict = f"beyond the tolerance of {tolerance}, but no more than chance explains"
    else:
        verdict = f"worse by more than the tolerance of {tolerance} and more than chance explains"
    return Gate(
        f"{_TITLES[figure]} not worse",
        loss <= max(tolerance, compared.chance),
        f"{compared.ours:.4f}, Production has {compared.production:.4f} on {on} applicants that neither"
        f" learnt from; the difference of {compared.difference:+.4f} (by chance ± {compared.chance:.4f}) is"
        f" {verdict}",
        {
            figure: compared.ours,
            f"production_{figure}": compared.production,
            "standard_error": compared.standard_error,
            "applicants": on,
            "margin": tolerance,
        },
    )


def _latency(took: LatencyBudget) -> Gate:
    budget = DEFAULT_BUDGET
    return Gate(
        "inside the latency budget",
        took.margin_ms <= budget.margin_ms and took.contributions_ms <= budget.contributions_ms,
        f"a row {took.margin_ms:.3f} ms of {budget.margin_ms:g},"
        f" its reasons {took.contributions_ms:.3f} ms of {budget.contributions_ms:g}",
        {
            "margin_ms": took.margin_ms,
            "contributions_ms": took.contributions_ms,
            "margin_budget_ms": budget.margin_ms,
            "contributions_budget_ms": budget.contributions_ms,
        },
    )


def _quality(lineage: Lineage) -> Gate:
    if lineage.is_quality_passed is None:
        return Gate("data quality passed", True, "no snapshot with a quality report was used")
    return Gate("data quality passed", lineage.is_quality_passed, f"snapshot {lineage.snapshot_id}")


def _leaks(lineage: Lineage) -> Gate:
    suspects = lineage.metrics.get("leak_suspects")
    return Gate(
        "no feature knows the outcome",
        suspects == 0.0,
        "not measured" if suspects is None else f"{suspects:.0f} features tell it by themselves",
        {} if suspects is None else {"leak_suspects": suspects},
    )


def _worth(metrics: dict[str, float]) -> Gate:
    """Whether the model is better than chance, and not surely worse than what needs no model at all."""
    name, needed = "worth having", ("auc_low", "auc_high", "cost_low", *_WITHOUT_A_MODEL)
    if missing := [key for key in needed if key not in metrics]:
        return Gate(name, False, f"not measured: {', '.join(missing)}")
    numbers = {key: metrics[key] for key in needed}
    external, *alike = (metrics[key] for key in _WITHOUT_A_MODEL)
    return Gate(
        name,
        metrics["auc_low"] > CHANCE and metrics["auc_high"] >= external and metrics["cost_low"] <= min(alike),
        f"AUC {metrics['auc_low']:.4f} to {metrics['auc_high']:.4f}, the mean external score {external:.4f};"
        f" cost at least {metrics['cost_low']:.4f}, deciding alike for all {min(alike):.4f}",
        numbers,
    )


def _calibration(metrics: dict[str, float]) -> Gate:
    p, error = metrics.get("calibration_p"), metrics.get("ece")
    if p is None or error is None:
        return Gate("calibrated", False, "not measured")
    return Gate(
        "calibrated",
        p >= CALIBRATION_P or error <= CALIBRATION_ERROR,
        f"deciles differ from their PD by {error:.4f} (p = {p:.3f})",
        {"calibration_p": p, "ece": error, "least_p": CALIBRATION_P, "bound": CALIBRATION_ERROR},
    )


def fairness_gates(metrics: Mapping[str, float]) -> list[Gate]:
    """What the figures say of groups of people, also where that is nothing."""
    ratio, error = metrics.get("gender_approval_ratio_high"), metrics.get("group_miscalibration")
    if "groups_measured" not in metrics and (ratio is None or error is None):
        return [Gate("fair to groups", False, "not measured")]
    return [_genders(ratio), _true_in_groups(error)]


def _genders(ratio: float | None) -> Gate:
    name = "genders approved alike"
    if ratio is None:
        few = f"no two genders have {MIN_APPLICANTS} held-out applicants each, or none is approved"
        return Gate(name, True, f"{UNMEASURED}: {few}")
    return Gate(
        name,
        ratio >= APPROVAL_RATIO,
        f"approval ratio at most {ratio:.3f}, bound {APPROVAL_RATIO}",
        {"gender_approval_ratio_high": ratio, "bound": APPROVAL_RATIO},
    )


def _true_in_groups(error: float | None) -> Gate:
    name = "PD true in each group"
    if error is None:
        return Gate(name, True, f"{UNMEASURED}: no group has {MIN_APPLICANTS} held-out applicants")
    return Gate(
        name,
        error <= GROUP_MISCALIBRATION,
        f"a group's bad rate is at least {error:.1%} off, bound {GROUP_MISCALIBRATION:.0%}",
        {"group_miscalibration": error, "bound": GROUP_MISCALIBRATION},
    )
