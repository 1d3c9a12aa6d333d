"""One drift run, from archive and registry to a judgement. Called by `scorestream drift`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

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

#: The day somebody applies on says nothing of who they are, and a window of hours holds only some.
_NOT_WATCHED = frozenset({"WEEKDAY_APPR_PROCESS_START", "HOUR_APPR_PROCESS_START", *COLUMNS[:1]})


@dataclass(frozen=True, slots=True)
class Period:
    """What is looked at: decided in `[since, until)`; labels count `performance` after the decision."""

    since: datetime
    until: datetime
    performance: timedelta = timedelta(days=DEFAULT_PERFORMANCE_DAYS)


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
            store, since=period.since, until=period.until, window=period.performance,
            columns=["probability_of_default"],
        )  # fmt: skip
    except (ArchiveError, FileNotFoundError) as error:
        raise ArchiveUnreadable(str(error)) from error
    progress("comparing columns", 0.4)
    facts = facts_of(reference, window, matured)
    return DriftRun(period, reference, window, facts, judge(facts))


def facts_of(reference: Reference, window: Window, matured: pa.Table) -> Facts:
    """The figures of all checks; those that the window is too small for are left out."""
    known = Judged(
        matured["probability_of_default"].to_numpy() if matured.num_rows else np.empty(0),
        np.array(matured["decision"].to_pylist(), dtype=np.str_),
        matured["defaulted"].cast(pa.int64()).to_numpy(),
    )
    is_enough = len(window.margins) >= MIN_APPLICATIONS
    score, approval_now = _score(reference, window) if is_enough else (None, None)
    return Facts(
        applications=window.decided,
        outcomes=matured.num_rows,
        columns=_columns(reference, window) if is_enough else (),
        importance=reference.importance,
        score=score,
        approval_before=None if approval_now is None else _approved(reference.judged.decisions),
        approval_now=approval_now,
        unseen=window.unseen,
        performance=performance(reference.judged, known, reference.cut_off),
    )


def _columns(reference: Reference, window: Window) -> list[ColumnDrift]:
    """Every column that both have, the one that moved most first."""
    at = {name: index for index, name in enumerate(window.names)}
    drifts = [
        column_drift(
            name,
            np.ascontiguousarray(reference.features[:, index]),
            np.ascontiguousarray(window.features[:, at[name]]),
            is_category=name in CATEGORY_NAMES,
        )
        for index, name in enumerate(reference.names)
        if name in at and name not in _NOT_WATCHED
    ]
    return sorted(drifts, key=lambda one: -one.psi)


def _score(reference: Reference, window: Window) -> tuple[ColumnDrift | None, float | None]:
    """The score's drift and the approval rate, by the model in Production for all applications.

    Where its features can't be had, only those that it has decided itself count.
    """
    model = reference.model
    if set(model.feature_names) <= set(window.names):
        at = {name: index for index, name in enumerate(window.names)}
        margins = model.margins(window.features[:, [at[name] for name in model.feature_names]])
    else:
        margins = window.margins[window.digests == model.digest]
    if len(margins) < MIN_APPLICATIONS:
        return None, None
    decisions = decisions_of(model, model.probabilities(margins))
    return column_drift("score", reference.margins, margins), _approved(decisions)


def _approved(decisions: np.ndarray[tuple[int], np.dtype[np.str_]]) -> float:
    return float(np.mean(decisions == "approve"))
