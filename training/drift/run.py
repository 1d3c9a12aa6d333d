"""One drift run, from archive and registry to a judgement. Called by `scorestream drift`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.application import COLUMNS
from feature_service.application import CATEGORY_NAMES
from training.archive.errors import ArchiveError
from training.archive.matured import DEFAULT_PERFORMANCE_DAYS, matured_rows
from training.archive.store import ArchiveStore
from training.drift.columns import ColumnDrift, column_drift
from training.drift.errors import ArchiveUnreadable
from training.drift.judge import MIN_APPLICATIONS, Facts, Judgement, judge
from training.drift.performance import Judged, performance
from training.drift.reference import Reference, decisions_of
from training.drift.window import Window, decided_between
from training.history import Snapshots

Progress = Callable[[str, float], None]

#: The labels of one day are too few to judge by, and many are posted days after they were observed.
DEFAULT_OUTCOME_DAYS = 90
#: The day somebody applies on says nothing of who they are, and a window of hours holds only some.
_NOT_WATCHED = frozenset({"WEEKDAY_APPR_PROCESS_START", "HOUR_APPR_PROCESS_START", *COLUMNS[:1]})
_JUDGED_BY = ("probability_of_default", "decision", "model_digest")


@dataclass(frozen=True, slots=True)
class Period:
    """What is looked at: decided in `[since, until)`, and labels that matured in `[labels_since, until)`.

    A label matures `performance` after its decision; `outcomes` is how far back labels are looked for.
    """

    since: datetime
    until: datetime
    performance: timedelta = timedelta(days=DEFAULT_PERFORMANCE_DAYS)
    outcomes: timedelta = timedelta(days=DEFAULT_OUTCOME_DAYS)

    @property
    def labels_since(self) -> datetime:
        """From when on labels count: never later than the period itself."""
        return min(self.since, self.until - self.outcomes)


@dataclass(frozen=True, slots=True)
class DriftRun:
    """What was found, and what the page shows of it: both samples under the same names."""

    period: Period
    reference: Reference
    window: Window
    facts: Facts
    judgement: Judgement


def run_drift(
    store: ArchiveStore,
    reference: Reference,
    period: Period,
    *,
    snapshots: Snapshots | None = None,
    progress: Progress,
) -> DriftRun:
    """The applications, scores and outcomes of the period against the reference.

    Raises ArchiveUnreadable.
    """
    progress("reading the archive", 0.0)
    try:
        window = decided_between(store, period.since, period.until, snapshots=snapshots)
        progress("looking for outcomes", 0.3)
        matured = matured_rows(
            store,
            since=period.labels_since,
            until=period.until,
            window=period.performance,
            columns=_JUDGED_BY,
        )
    except (ArchiveError, FileNotFoundError) as error:
        raise ArchiveUnreadable(str(error)) from error
    progress("comparing columns", 0.4)
    own = matured.filter(pc.field("model_digest") == reference.model.digest)
    facts = facts_of(reference, window, _judged(own), outcomes_of_others=matured.num_rows - own.num_rows)
    return DriftRun(period, reference, window, facts, judge(facts))


def facts_of(reference: Reference, window: Window, known: Judged, *, outcomes_of_others: int = 0) -> Facts:
    """The figures of all checks; those that the window is too small for are left out.

    `known` are applicants whom the reference's own model decided.
    """
    columns = _columns(reference, window)
    seen = _NOT_WATCHED.union(one.name for one in columns)
    score, approval_now = _score(reference, window)
    return Facts(
        applications=window.decided,
        outcomes=len(known.target),
        outcomes_of_others=outcomes_of_others,
        columns=columns,
        not_covered=[name for name in reference.model.feature_names if name not in seen],
        importance=reference.importance,
        score=score,
        approval_before=None if approval_now is None else _approved(reference.judged.decisions),
        approval_now=approval_now,
        unseen=window.unseen,
        performance=performance(reference.judged, known, reference.cut_off),
    )


def _judged(matured: pa.Table) -> Judged:
    return Judged(
        matured["probability_of_default"].to_numpy(),
        np.array(matured["decision"].to_pylist(), dtype=np.str_),
        matured["defaulted"].cast(pa.int64()).to_numpy(),
    )


def _columns(reference: Reference, window: Window) -> list[ColumnDrift]:
    """Every column that both have, of enough applications; the one that moved most first."""
    drifts = []
    for index, name in enumerate(reference.names):
        now = window.select([name])[:, 0]
        if name in _NOT_WATCHED or len(now) < MIN_APPLICATIONS:
            continue
        before = np.ascontiguousarray(reference.features[:, index])
        now = np.ascontiguousarray(now)
        drifts.append(column_drift(name, before, now, is_category=name in CATEGORY_NAMES))
    return sorted(drifts, key=lambda one: -one.psi)


def _score(reference: Reference, window: Window) -> tuple[ColumnDrift | None, float | None]:
    """The score's drift and the approval rate, by the model in Production for all applications.

    Where its features can't be had, only those that it has decided itself count.
    """
    model = reference.model
    features = window.select(model.feature_names)
    is_had = len(features) >= MIN_APPLICATIONS
    margins = model.margins(features) if is_had else window.margins[window.digests == model.digest]
    if len(margins) < MIN_APPLICATIONS:
        return None, None
    decisions = decisions_of(model, model.probabilities(margins))
    return column_drift("score", reference.margins, margins), _approved(decisions)


def _approved(decisions: np.ndarray[tuple[int], np.dtype[np.str_]]) -> float:
    return float(np.mean(decisions == "approve"))
