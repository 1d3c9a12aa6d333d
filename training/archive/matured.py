"""Decisions whose end is known for good: outcomes joined to predictions by lane and application id.

A label counts only when its performance window is over, for defaults as for the others: defaults are
known early, and who counted them early would learn a world in which everybody defaults. With the window
ending at `end = decided_at + performance window`:

    defaulted       some outcome says so at or before `end`; the label is of the moment `end`
    not defaulted   none does, and some outcome was observed at or after `end`; of that one's moment
    not mature      anything else; it counts in a later run

The first record of a decision counts, as everywhere. Only granted loans have outcomes: these labels say
nothing of whom the model declined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from contracts.topics import OUTCOMES, PREDICTIONS, PREDICTIONS_BATCH
from training.archive.errors import ArchiveError
from training.archive.reading import records
from training.archive.store import ArchiveStore
from training.errors import BadOutcomes, NoOutcomes
from training.outcomes import OUTCOME_SCHEMA, MaturedOutcomes, decoded

DEFAULT_PERFORMANCE_DAYS: Final = 365

_KEY: Final = ("lane", "application_id")
_DECIDED: Final = (
    "lane",
    "application_id",
    "application",
    "snapshot_id",
    "decision",
    "submitted_at",
    "decided_at",
)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was observed of one application."""

    observed_at: datetime
    defaulted: bool


@dataclass(frozen=True, slots=True)
class Label:
    """The end of an application, and since when it is known for good."""

    defaulted: bool
    matured_at: datetime


def label_of(
    seen: Sequence[Seen], decided_at: datetime, window: timedelta, *, until: datetime
) -> Label | None:
    """The label that is known before `until`, or None while it is not mature."""
    end = decided_at + window
    known = [one for one in seen if one.observed_at < until]
    if end >= until or not known:
        return None
    if any(one.defaulted and one.observed_at <= end for one in known):
        return Label(True, end)
    later = [one.observed_at for one in known if one.observed_at >= end]
    return Label(False, min(later)) if later else None


def matured_rows(
    store: ArchiveStore,
    *,
    since: datetime,
    until: datetime,
    window: timedelta,
    columns: Sequence[str] = (),
) -> pa.Table:
    """Applications whose label matured in `[since, until)`: `training.outcomes.OUTCOME_SCHEMA` and `columns`.

    `observed_at` is when the label matured. Raises StoreUnavailable.
    """
    seen = _seen(store, until)
    taken: set[Key] = set()
    tables = []
    wanted = list(dict.fromkeys([*_DECIDED, *columns]))
    for table in records(store, (PREDICTIONS.name, PREDICTIONS_BATCH.name), wanted):
        rows, labels = [], []
        for number, key, decided_at in _known(table, seen):
            if key in taken:
                continue
            taken.add(key)
            label = label_of(seen[key], decided_at, window, until=until)
            if label is not None and label.matured_at >= since:
                rows.append(number)
                labels.append(label)
        if rows:
            tables.append(_labelled(table.take(rows), labels))
    names = [*OUTCOME_SCHEMA.names, *(name for name in columns if name not in OUTCOME_SCHEMA.names)]
    return pa.concat_tables(tables).select(names) if tables else OUTCOME_SCHEMA.empty_table()


@dataclass(frozen=True, slots=True)
class ArchivedOutcomes:
    """Implements `training.outcomes.OutcomeArchive` over the archive of this platform."""

    store: ArchiveStore
    window: timedelta = timedelta(days=DEFAULT_PERFORMANCE_DAYS)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def matured(self, observed_from: datetime, observed_to: datetime) -> MaturedOutcomes:
        """See `OutcomeArchive`."""
        until = min(observed_to, self.now())  # a label of tomorrow is not mature today
        try:
            table = matured_rows(self.store, since=observed_from, until=until, window=self.window)
        except (ArchiveError, FileNotFoundError) as error:
            raise BadOutcomes(str(error)) from error
        if table.num_rows == 0:
            raise NoOutcomes(
                f"{self.store.uri}: no label matured from {observed_from} to {observed_to}"
                f" ({self.window.days} days after the decision)"
            )
        return decoded(table.cast(OUTCOME_SCHEMA), self.store.uri)


def _seen(store: ArchiveStore, until: datetime) -> dict[Key, list[Seen]]:
    found: dict[Key, list[Seen]] = defaultdict(list)
    for table in records(store, (OUTCOMES.name,), [*_KEY, "defaulted", "observed_at"]):
        readable = table.filter(pc.field("application_id").is_valid() & (pc.field("observed_at") < until))
        for row in _rows(readable):
            found[row["lane"], row["application_id"]].append(Seen(row["observed_at"], row["defaulted"]))
    return dict(found)


def _known(table: pa.Table, seen: dict[Key, list[Seen]]) -> Iterator[tuple[int, Key, datetime]]:
    """Rows of the table that something was observed of: number, key, when it was decided."""
    lanes, ids = table["lane"].to_pylist(), table["application_id"].to_pylist()
    decided = table["decided_at"]
    for number, key in enumerate(zip(lanes, ids, strict=True)):
        if key in seen:
            yield number, key, decided[number].as_py()


def _labelled(table: pa.Table, labels: Sequence[Label]) -> pa.Table:
    moment = OUTCOME_SCHEMA.field("observed_at").type
    return table.append_column("defaulted", pa.array([label.defaulted for label in labels])).append_column(
        "observed_at", pa.array([label.matured_at for label in labels], moment)
    )


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()
