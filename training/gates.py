"""What a version must show before it may decide. Facts in, facts out; kept with the version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scorer.manifest import Lineage

#: How much worse than Production a challenger may look on held-out applicants before it counts:
#: about one standard error of the figure on 45,000 applicants.
AUC_MARGIN: Final = 0.004
COST_MARGIN: Final = 0.01


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition, whether it holds, and the numbers that say so."""

    name: str
    is_passed: bool
    detail: str


def compare_with_production(challenger: Lineage, production: Lineage) -> list[Gate]:
    """Whether the challenger is not worse than Production beyond a margin.

    Figures compare only on the same held-out applicants, that is the same files and seed; with
    others the comparison is noted and not held against the challenger.
    """
    is_same_ground = (challenger.sha256, challenger.seed) == (production.sha256, production.seed)
    if not is_same_ground:
        return [Gate("not worse than Production", True, "not comparable: other applicants or seed")]
    auc, auc_before = challenger.metrics["auc"], production.metrics["auc"]
    cost, cost_before = challenger.metrics["cost_per_applicant"], production.metrics["cost_per_applicant"]
    return [
        Gate("AUC not worse", auc >= auc_before - AUC_MARGIN, f"{auc:.4f}, Production has {auc_before:.4f}"),
        Gate(
            "cost not worse",
            cost <= cost_before + COST_MARGIN,
            f"{cost:.4f}, Production has {cost_before:.4f}",
        ),
    ]
