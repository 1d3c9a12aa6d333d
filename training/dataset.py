"""All that a model is made from, in memory: features of two views, outcomes, persons, parts.

Called by `training.train` with what was read, then handed through tuning, fitting and evaluation.
Kaggle's labels and matured outcomes are one set of rows here; only the split still knows dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from contracts.application import COLUMNS
from feature_service.application import (
    FEATURE_BY_NAME,
    FEATURE_NAMES,
    MODEL_INPUTS,
    Encoded,
    Features,
    application_features,
)
from scorer.manifest import APPLICATION_VIEW, HISTORY_VIEW, FeatureColumn
from training.applications import LabelledApplications
from training.blanks import blank_history, blank_never_missing
from training.errors import TooFewApplicants, TooFewOutcomes
from training.history import NO_HISTORY, HistoryFeatures, Snapshots
from training.outcomes import MaturedOutcomes
from training.persons import persons_of
from training.split import Rows, Split, newest_of, people_of, split

Target = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int64]

_ID: int = COLUMNS.index("SK_ID_CURR")

#: Calibrators are compared over five folds, each of which needs somebody of both classes.
MIN_OF_A_CLASS: Final = 5


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows whose end is known, divided.

    `features` is `(n_rows, n_names)` under `names`: the whole application view, protected features
    too, then the history's; `past` is what the snapshot holds of each row's applicant. `persons` has
    equal numbers for rows of one person. `unlabelled` are the features of applications without a known
    end (the test file's), or None; `notes` is what a reader of the model card should know of the rows.
    """

    names: tuple[str, ...]
    features: Features
    columns: Encoded
    past: Features
    target: Target
    persons: Rows
    parts: Split
    history: HistoryFeatures
    unlabelled: Features | None = None
    notes: tuple[str, ...] = ()

    @property
    def applicant_ids(self) -> Ids:
        """SK_ID_CURR of each row, `(n_rows,)`."""
        return ids_of(self.columns)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that a model may have."""
        return (*MODEL_INPUTS, *self.history.names)

    def select(self, rows: Rows, names: Sequence[str]) -> Features:
        """The rows' features under `names`, `(n_rows, n_names)`."""
        at = {name: index for index, name in enumerate(self.names)}
        columns = np.array([at[name] for name in names])
        return np.ascontiguousarray(self.features[rows[:, None], columns])

    def grown_on(self, rows: Rows, names: Sequence[str], *, seed: int) -> Features:
        """As `select`, with blanks where real applications will have them (`training.blanks`)."""
        application = application_features(blank_never_missing(self.columns[rows], seed=seed))
        past = blank_history(self.past[rows], seed=seed)
        whole = np.hstack([application, self.history.beside(application, past)])
        at = {name: index for index, name in enumerate(self.names)}
        return np.ascontiguousarray(whole[:, [at[name] for name in names]])

    def feature_columns(self, names: Sequence[str]) -> tuple[FeatureColumn, ...]:
        """What a manifest says of these features: name, view, categories."""
        return tuple(
            FeatureColumn(name=name, view=APPLICATION_VIEW, categories=FEATURE_BY_NAME[name].categories)
            if name in FEATURE_BY_NAME
            else FeatureColumn(name=name, view=HISTORY_VIEW)
            for name in names
        )


def ids_of(columns: Encoded) -> Ids:
    """SK_ID_CURR of encoded rows, `(n_rows,)`."""
    return columns[:, _ID].astype(np.int64)


def make_dataset(
    applications: LabelledApplications,
    *,
    seed: int,
    history: HistoryFeatures = NO_HISTORY,
    outcomes: MaturedOutcomes | None = None,
    snapshots: Snapshots | None = None,
    unlabelled: Encoded | None = None,
) -> Dataset:
    """The rows of `applications` and `outcomes`, divided by `seed`; the outcomes' newest are held out too.

    An outcome meets the history of the snapshot that it was scored with, taken from `snapshots`; the
    applications, and outcomes without a snapshot, meet `history`. What an earlier snapshot was built
    without is missing, and noted. LookupError for a snapshot that is gone.
    """
    columns, target = applications.columns, applications.target
    past = history.past(ids_of(columns))
    notes: tuple[str, ...] = ()
    if outcomes is not None:
        then, notes = _history_of(outcomes, history, snapshots)
        columns = np.vstack([columns, outcomes.columns])
        target = np.concatenate([target, outcomes.target])
        past = np.vstack([past, then])
    persons = persons_of(columns)
    return Dataset(
        names=(*FEATURE_NAMES, *history.names),
        features=_laid_out(columns, past, history),
        columns=columns,
        past=past,
        target=target,
        persons=persons,
        parts=_parts(target, persons, outcomes, seed),
        history=history,
        unlabelled=None if unlabelled is None else view_of(unlabelled, history),
        notes=notes,
    )


def check_enough(outcomes: MaturedOutcomes) -> None:
    """Return if the newest outcomes, which will be held out, are of both classes; TooFewOutcomes if not."""
    newest = outcomes.target[newest_of(outcomes.submitted_at)]
    bad = int(newest.sum())
    if min(bad, len(newest) - bad) < MIN_OF_A_CLASS:
        raise TooFewOutcomes(
            f"the newest {len(newest)} of {len(outcomes.target)} outcomes, which would be held out, have"
            f" {bad} defaults; at least {MIN_OF_A_CLASS} defaults and as many good ones are needed"
        )


def view_of(columns: Encoded, history: HistoryFeatures) -> Features:
    """Both views of encoded rows, side by side."""
    return _laid_out(columns, history.past(ids_of(columns)), history)


def _laid_out(columns: Encoded, past: Features, history: HistoryFeatures) -> Features:
    application = application_features(columns)
    return np.hstack([application, history.beside(application, past)])


def _parts(target: Target, persons: Rows, outcomes: MaturedOutcomes | None, seed: int) -> Split:
    applied_at = None
    if outcomes is not None:
        undated = np.full(len(target) - len(outcomes.target), np.datetime64("NaT", "us"))
        applied_at = np.concatenate([undated, outcomes.submitted_at])
    parts = split(target, seed=seed, persons=persons, applied_at=applied_at)
    for name, rows in (("fit", parts.fit), ("choose", parts.choose), ("held-out", parts.held_out)):
        _, is_bad = people_of(target, rows, persons)
        bad = int(is_bad.sum())
        if min(bad, len(is_bad) - bad) < MIN_OF_A_CLASS:
            raise TooFewApplicants(
                f"the {name} part would have {bad} defaults among {len(is_bad)} people; at least"
                f" {MIN_OF_A_CLASS} defaults and as many good ones are needed in each part"
            )
    return parts


def _history_of(
    outcomes: MaturedOutcomes, history: HistoryFeatures, snapshots: Snapshots | None
) -> tuple[Features, tuple[str, ...]]:
    """What was held of each outcome's applicant when it was scored, and a note if that was less than now."""
    ids = ids_of(outcomes.columns)
    past = history.past(ids)
    used = np.array([snapshot_id or "" for snapshot_id in outcomes.snapshot_ids])
    n_without, missing = 0, set[str]()
    for snapshot_id in sorted(set(used.tolist()) - {"", history.snapshot_id}):
        if snapshots is None:
            break
        rows = np.flatnonzero(used == snapshot_id)
        held = snapshots.open_earlier(snapshot_id)
        past[rows] = held.past(ids[rows])
        n_without += len(rows) if held.missing else 0
        missing.update(held.missing)
    if not missing:
        return past, ()
    return past, (
        f"{n_without} of {len(ids)} outcomes were scored with snapshots that were built without"
        f" {len(missing)} of the history's features: there these are missing",
    )
