"""Decisions whose end is known for good: outcomes joined to predictions by lane and application id.

A label counts only when its performance window is over, for defaults as for the others: defaults are
known early, and who counted them early would learn a world in which everybody defaults. With the window
ending at `end = decided_at + performance window`:

    defaulted       some outcome says so at or before `end`; the label is of the moment `end`
    not defaulted   none does, and some outcome was observed from `end` on, at most `LOOKED_AT_WITHIN`
                    later; of that one's moment
    not mature      anything else; it counts in a later run, or never

The moments are those that outcomes say of themselves: one that is posted late counts like any other. The
first record of a decision counts, as everywhere. Only granted loans have outcomes: these labels say nothing
of whom the model declined.

What is read is bounded by the dates: decisions whose window may have ended in the period, by their keys, and
outcomes since the first of them. Further columns, above all the applications themselves, are read of labelled
decisions only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from contracts.topics import OUTCOMES, PREDICTIONS, PREDICTIONS_BATCH
from training.archive.errors import ArchiveError
from training.archive.files import Place
from training.archive.reading import records, records_at
from training.archive.rows import OUTCOMES_SCHEMA, PREDICTIONS_SCHEMA
from training.archive.store import ArchiveStore
from training.errors import BadOutcomes, NoOutcomes
from training.outcomes import OUTCOME_SCHEMA, MaturedOutcomes, decoded

DEFAULT_PERFORMANCE_DAYS: Final = 365
#: Who is first looked at later than so long after the window is not waited for; it bounds what is read.
LOOKED_AT_WITHIN: Final = timedelta(days=365)

_KEY: Final = ["lane", "application_id"]
_SEEN: Final = [*_KEY, "defaulted", "observed_at"]
_PLACE: Final = ["topic", "partition", "offset"]
_DECIDED: Final = [*_PLACE, *_KEY, "decided_at"]
#: What an outcome and its decision are together.
_MET: Final = pa.schema(
    [
        *(PREDICTIONS_SCHEMA.field(name) for name in _DECIDED),
        *(OUTCOMES_SCHEMA.field(name) for name in _SEEN[2:]),
    ]
)
_OF_DECISIONS: Final = [name for name in OUTCOME_SCHEMA.names if name not in _SEEN[2:]]
#: Decisions that are looked up at once: each time costs a pass over the outcomes.
_AT_ONCE: Final = 500_000


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
    later = [one.observed_at for one in known if end <= one.observed_at <= end + LOOKED_AT_WITHIN]
    return Label(False, min(later)) if later else None


def matured_rows(
    store: ArchiveStore,
    *,
    since: datetime,
    until: datetime,
    window: timedelta,
    columns: Sequence[str] = (),
) -> pa.Table:
    """Applications whose label matured in `[since, until)`: `application_id`, `columns` and `defaulted`.

    `observed_at` is when the label matured. Raises StoreUnavailable.
    """
    decided = (since - window - LOOKED_AT_WITHIN, until - window)
    labels: dict[Place, dict[int, Label]] = defaultdict(dict)
    for first, seen in _decisions(_met(store, decided, until)):
        label = label_of(seen, first["decided_at"], window, until=until)
        if label is not None and label.matured_at >= since:
            labels[Place(first["topic"], first["partition"])][first["offset"]] = label
    return _labelled(store, labels, ["application_id", *columns], logged=decided)


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
            table = matured_rows(
                self.store, since=observed_from, until=until, window=self.window, columns=_OF_DECISIONS
            )
        except (ArchiveError, FileNotFoundError) as error:
            raise BadOutcomes(str(error)) from error
        if table.num_rows == 0:
            raise NoOutcomes(
                f"{self.store.uri}: no label matured from {observed_from} to {observed_to}"
                f" ({self.window.days} days after the decision)"
            )
        return decoded(table.select(OUTCOME_SCHEMA.names).cast(OUTCOME_SCHEMA), self.store.uri)


def _met(store: ArchiveStore, decided: tuple[datetime, datetime], until: datetime) -> pa.Table:
    """The outcomes observed before `until`, each beside every record of its decision in the span."""
    since, _ = decided
    seen = pa.concat_tables(
        [
            OUTCOMES_SCHEMA.empty_table().select(_SEEN),
            *(
                _between(table, "observed_at", since, until)
                for table in records(store, (OUTCOMES.name,), _SEEN, logged=(since, None))
            ),
        ]
    )
    met = [_MET.empty_table()]
    if seen.num_rows:
        met += [
            table.join(seen, _KEY, join_type="inner").select(_MET.names) for table in _keys(store, decided)
        ]
    return pa.concat_tables(met)


def _keys(store: ArchiveStore, decided: tuple[datetime, datetime]) -> Iterator[pa.Table]:
    """Keys of the decisions of the span, many at once."""
    waiting: list[pa.Table] = []
    for table in records(store, (PREDICTIONS.name, PREDICTIONS_BATCH.name), _DECIDED, logged=decided):
        waiting.append(_between(table, "decided_at", *decided))
        if sum(one.num_rows for one in waiting) >= _AT_ONCE:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _between(table: pa.Table, name: str, since: datetime, until: datetime) -> pa.Table:
    """Rows that could be read and whose moment is in `[since, until)`."""
    moment = pc.field(name)
    return table.filter(pc.field("application_id").is_valid() & (moment >= since) & (moment < until))


def _decisions(met: pa.Table) -> Iterator[tuple[dict[str, Any], list[Seen]]]:
    """The first record of each decision, and what was observed of it."""
    ordered = met.sort_by([(name, "ascending") for name in (*_KEY, *_PLACE)])
    for _, group in groupby(_rows(ordered), itemgetter(*_KEY)):
        rows = list(group)
        yield rows[0], [Seen(row["observed_at"], row["defaulted"]) for row in rows]


def _labelled(
    store: ArchiveStore,
    labels: Mapping[Place, Mapping[int, Label]],
    columns: Sequence[str],
    *,
    logged: tuple[datetime, datetime],
) -> pa.Table:
    """The columns of what has a label, beside it."""
    names = list(dict.fromkeys(columns))
    fields = [PREDICTIONS_SCHEMA.field(name) for name in names]
    fields += [OUTCOME_SCHEMA.field(name) for name in _SEEN[2:]]
    tables = [pa.schema(fields).empty_table()]
    for table in records_at(store, labels, list(dict.fromkeys([*_PLACE, *names])), logged=logged):
        places = zip(*(table[name].to_pylist() for name in _PLACE), strict=True)
        found = [labels[Place(topic, partition)][offset] for topic, partition, offset in places]
        known = [[one.defaulted for one in found], [one.matured_at for one in found]]
        arrays = [pa.array(*both) for both in zip(known, [field.type for field in fields[-2:]], strict=True)]
        tables.append(pa.table([*table.select(names).columns, *arrays], pa.schema(fields)))
    return pa.concat_tables(tables)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()
