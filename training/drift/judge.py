"""The facts of a period against the bounds: drift, no drift, or not enough to say. Pure.

The bounds are calibrated by tests: at most 1 % of windows drawn from the reference alarm, and half a standard
deviation in three important features is found in one window of 2,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from training.drift.columns import ColumnDrift, weighted_share
from training.drift.performance import MIN_DEFAULTS, MIN_OUTCOMES, Performance

Verdict = Literal["drift", "no drift", "not enough"]

#: Fewer applications hide a shift of half a standard deviation, and say so.
MIN_APPLICATIONS: Final = 500
#: So many columns at once move when the population does; or two of them far, whatever the model goes by.
SHARE: Final = 0.05
FAR: Final = 0.25
FAR_MOVED: Final = 2
#: Two of the twenty columns that mean most to the model, or a seventh of all that they mean.
IMPORTANT: Final = 20
IMPORTANT_MOVED: Final = 2
WEIGHTED_SHARE: Final = 0.15
SCORE_PSI: Final = 0.2
NEW_SHARE: Final = 0.01
MISSING_JUMP: Final = 0.2
APPROVAL_JUMP: Final = 0.1
#: Performance: surely (in standard errors) and by an amount that matters.
SURE_Z: Final = 3.5
AUC_DROP: Final = 0.03
RELATIVE_BAD_RATE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Facts:
    """What was measured. `score` and `performance` are None when there was not enough for them.

    `outcomes` are of decisions by the model in Production, `outcomes_of_others` by versions before it.
    `importance` is what each feature means to the model, any unit; `not_covered` are features of it that too
    few applications have; `unseen` is the share of applications whose category the contract does not know,
    by field.
    """

    applications: int
    outcomes: int
    columns: Sequence[ColumnDrift]
    importance: Mapping[str, float]
    outcomes_of_others: int = 0
    not_covered: Sequence[str] = ()
    score: ColumnDrift | None = None
    approval_before: float | None = None
    approval_now: float | None = None
    unseen: Mapping[str, float] = field(default_factory=dict)
    performance: Performance | None = None

    @property
    def is_enough(self) -> bool:
        """Whether the applications are enough to find that their distribution has changed."""
        return self.applications >= MIN_APPLICATIONS and bool(self.columns)

    @property
    def is_covered(self) -> bool:
        """Whether they are enough to say that it has not: what the model goes by is all there."""
        return self.is_enough and not self.not_covered

    @property
    def share_drifted(self) -> float | None:
        """Share of the columns that moved, or None."""
        if not self.is_enough:
            return None
        return sum(one.has_moved for one in self.columns) / len(self.columns)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, that on performance alone, each finding as a sentence, and all figures by name.

    `lacking` are sentences too: what there was not enough of.
    """

    verdict: Verdict
    performance: Verdict
    findings: tuple[str, ...]
    lacking: tuple[str, ...]
    metrics: dict[str, float]


def judge(facts: Facts) -> Judgement:
    """Whether the period drifted: any finding is drift; without one, too little data is "not enough".

    Labels take a year to mature: the verdict does not wait for them, and performance has one of its own.
    """
    performance = [*_performance(facts)]
    findings = [*_columns(facts), *_score(facts), *_quality(facts)] if facts.is_enough else []
    findings += performance
    return Judgement(
        verdict=_verdict(findings, is_enough=facts.is_covered),
        performance=_verdict(performance, is_enough=facts.performance is not None),
        findings=tuple(findings),
        lacking=tuple(_lacking(facts)),
        metrics=_metrics(facts),
    )


def _verdict(findings: Sequence[str], *, is_enough: bool) -> Verdict:
    return "drift" if findings else "no drift" if is_enough else "not enough"


def _lacking(facts: Facts) -> Iterator[str]:
    if not facts.is_enough:
        yield f"{facts.applications:,} applications, {MIN_APPLICATIONS} are needed"
    elif facts.not_covered:
        yield (
            f"{len(facts.not_covered):,} features of the model are known of fewer than {MIN_APPLICATIONS}"
            f" applications: {', '.join(facts.not_covered[:5])}"
        )
    if facts.performance is None:
        yield (
            f"performance: {facts.outcomes:,} matured outcomes of this version's decisions,"
            f" {MIN_OUTCOMES} with {MIN_DEFAULTS} defaults are needed"
            f" ({facts.outcomes_of_others:,} are of other versions')"
        )


def _columns(facts: Facts) -> Iterator[str]:
    share = facts.share_drifted or 0.0
    if share >= SHARE:
        yield f"data drift: {share:.0%} of {len(facts.columns)} features moved (bound {SHARE:.0%})"
    far = [one.name for one in facts.columns if one.psi >= max(FAR, one.bound)]
    if len(far) >= FAR_MOVED:
        yield f"features moved far (PSI {FAR} or more): {', '.join(far[:5])}"
    moved = [one.name for one in _important(facts) if one.has_moved]
    if len(moved) >= IMPORTANT_MOVED:
        yield f"important features moved: {', '.join(moved[:5])}"
    weighted = weighted_share(facts.columns, facts.importance)
    if weighted >= WEIGHTED_SHARE:
        yield f"what moved is {weighted:.0%} of what the model goes by (bound {WEIGHTED_SHARE:.0%})"


def _score(facts: Facts) -> Iterator[str]:
    if facts.score is not None and facts.score.psi >= max(SCORE_PSI, facts.score.bound):
        yield f"prediction drift: PSI of the score {facts.score.psi:.2f} (bound {SCORE_PSI})"
    before, now = facts.approval_before, facts.approval_now
    if before is not None and now is not None and abs(now - before) >= APPROVAL_JUMP:
        yield f"approval rate {now:.1%}, was {before:.1%} (bound {APPROVAL_JUMP:.0%} either way)"


def _quality(facts: Facts) -> Iterator[str]:
    for name, share in facts.unseen.items():
        if share >= NEW_SHARE:
            yield f"data quality: {share:.1%} of applications have a category of {name} that is not known"
    for one in facts.columns:
        if one.new_now >= NEW_SHARE and one.has_moved:
            yield f"data quality: {one.new_now:.1%} of {one.name} are values that training never saw"
        if abs(one.missing_now - one.missing_before) >= MISSING_JUMP:
            yield (
                f"data quality: {one.name} is missing in {one.missing_now:.0%},"
                f" was missing in {one.missing_before:.0%}"
            )


def _performance(facts: Facts) -> Iterator[str]:
    figures = facts.performance
    if figures is None:
        return
    if figures.auc_drop_z >= SURE_Z and figures.auc_before - figures.auc_now >= AUC_DROP:
        yield f"performance drift: AUC {figures.auc_now:.3f}, was {figures.auc_before:.3f} on the like"
    if _differs(figures.bad_rate_now, figures.expected_now, figures.calibration_z):
        yield f"calibration: {figures.bad_rate_now:.1%} defaulted, {figures.expected_now:.1%} were expected"
    if _differs(figures.bad_rate_now, figures.bad_rate_before, figures.bad_rate_z):
        yield f"target drift: {figures.bad_rate_now:.1%} defaulted, of the like {figures.bad_rate_before:.1%}"


def _differs(now: float, before: float, z: float) -> bool:
    return abs(z) >= SURE_Z and abs(now - before) >= RELATIVE_BAD_RATE * before


def _important(facts: Facts) -> list[ColumnDrift]:
    known = [one for one in facts.columns if facts.importance.get(one.name, 0.0) > 0]
    return sorted(known, key=lambda one: -facts.importance[one.name])[:IMPORTANT]


def _metrics(facts: Facts) -> dict[str, float]:
    metrics: dict[str, float | None] = {
        "applications": float(facts.applications),
        "outcomes": float(facts.outcomes),
        "outcomes_of_other_versions": float(facts.outcomes_of_others),
        "features_not_covered": float(len(facts.not_covered)),
        "approval_rate_before": facts.approval_before,
        "approval_rate": facts.approval_now,
    }
    if facts.is_enough:
        metrics |= {
            "share_drifted": facts.share_drifted,
            "weighted_share_drifted": weighted_share(facts.columns, facts.importance),
            "features_drifted": float(sum(one.has_moved for one in facts.columns)),
            "largest_psi": max(one.psi for one in facts.columns),
            "score_psi": None if facts.score is None else facts.score.psi,
            "unseen_category_share": max(facts.unseen.values(), default=0.0),
        }
    if facts.performance is not None:
        metrics |= facts.performance.as_metrics()
    return {name: value for name, value in metrics.items() if value is not None}
