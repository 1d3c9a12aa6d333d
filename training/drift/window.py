"""What was decided in a period, from the archive, as the features that training knows.

Features are computed anew from the applications as submitted, by the code that training and the scorer
use; the history comes from the snapshot that each was scored with, where that is still there. At most
`max_rows`, evenly taken.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from contracts.application import Value, as_row, decode_logged
from contracts.problems import InvalidApplication
from contracts.topics import PREDICTIONS, PREDICTIONS_BATCH
from feature_service.application import FEATURE_NAMES, Features, application_features, encode
from training.archive.reading import records
from training.archive.store import ArchiveStore
from training.dataset import ids_of
from training.history import HistoryFeatures, Snapshots

log = structlog.get_logger()

_COLUMNS: Final = [
    "lane", "application_id", "decided_at", "application", "snapshot_id", "decision", "margin",
    "model_digest", "unseen_categories",
]  # fmt: skip
_CHUNK_ROWS: Final = 10_000
_OF_THE_APPLICATION: Final = frozenset(FEATURE_NAMES)

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Window:
    """Applications decided in the period; `decided` counts them all, the arrays hold a sample.

    `features` is `(n_rows, n_names)` under `names`; those of the history mean something where `has_history`.
    `unseen` is the share of all, per field, whose category the contract does not know.
    """

    decided: int
    names: tuple[str, ...]
    features: Features
    has_history: Rows
    margins: npt.NDArray[np.float64]
    digests: npt.NDArray[np.str_]
    decisions: npt.NDArray[np.str_]
    unseen: dict[str, float]

    def select(self, names: Sequence[str]) -> Features:
        """These features, `(n_known, n_names)`, of the rows of which all are known."""
        at = {name: index for index, name in enumerate(self.names)}
        if not at.keys() >= set(names):
            return np.empty((0, len(names)), dtype=np.float32)
        selected = self.features[:, [at[name] for name in names]]
        return selected if set(names) <= _OF_THE_APPLICATION else selected[self.has_history]


def decided_between(
    store: ArchiveStore,
    since: datetime,
    until: datetime,
    *,
    snapshots: Snapshots | None = None,
    max_rows: int = 100_000,
) -> Window:
    """The applications of both lanes with `since` ≤ decided < `until`. Raises StoreUnavailable."""
    tables, decided, unseen = _sampled(store, since, until, max_rows)
    table = pa.concat_tables(tables) if tables else None
    if table is None or table.num_rows == 0:
        nothing, none, no_text = np.empty((0, len(FEATURE_NAMES)), np.float32), np.empty(0), np.empty(0, "U1")
        return Window(decided, FEATURE_NAMES, nothing, np.empty(0, np.bool_), none, no_text, no_text, {})
    rows, kept = _readable(table)
    table = table.take(kept)
    columns = encode(rows)
    application = application_features(columns)
    names, history, has_history = _history(columns, application, table["snapshot_id"].to_pylist(), snapshots)
    return Window(
        decided=decided,
        names=(*FEATURE_NAMES, *names),
        features=np.hstack([application, history]),
        has_history=has_history,
        margins=table["margin"].to_numpy(),
        digests=np.array(table["model_digest"].to_pylist(), dtype=np.str_),
        decisions=np.array(table["decision"].to_pylist(), dtype=np.str_),
        unseen={name: count / decided for name, count in unseen.items()},
    )


def _sampled(
    store: ArchiveStore, since: datetime, until: datetime, max_rows: int
) -> tuple[list[pa.Table], int, Counter[str]]:
    """Rows of the period, at most about twice `max_rows` in memory, thinned evenly by the ids' hash."""
    kept: list[pa.Table] = []
    every, decided, unseen = 1, 0, Counter[str]()
    seen: set[int] = set()
    for table in records(store, (PREDICTIONS.name, PREDICTIONS_BATCH.name), _COLUMNS, logged=(since, until)):
        inside = table.filter((pc.field("decided_at") >= since) & (pc.field("decided_at") < until))
        hashes = [_hash(lane, one) for lane, one in _keys(inside)]
        fresh = [row for row, key in enumerate(hashes) if key not in seen]
        seen.update(hashes)
        inside, hashes = _at(inside, fresh), [hashes[row] for row in fresh]
        decided += inside.num_rows
        unseen.update(name for names in inside["unseen_categories"].to_pylist() for name in names or ())
        kept.append(_thinned(inside, hashes, every))
        while sum(one.num_rows for one in kept) > 2 * max_rows:
            every *= 2
            kept = [_thinned(one, [_hash(*key) for key in _keys(one)], every) for one in kept]
    while sum(one.num_rows for one in kept) > max_rows:
        every *= 2
        kept = [_thinned(one, [_hash(*key) for key in _keys(one)], every) for one in kept]
    return kept, decided, unseen


def _thinned(table: pa.Table, hashes: Sequence[int], every: int) -> pa.Table:
    return _at(table, [row for row, key in enumerate(hashes) if key % every == 0])


def _at(table: pa.Table, rows: Sequence[int]) -> pa.Table:
    """These rows. Arrow can't tell that an empty list is one of numbers."""
    return table.take(pa.array(rows, pa.int64()))


def _keys(table: pa.Table) -> Iterator[tuple[str, str]]:
    return zip(table["lane"].to_pylist(), table["application_id"].to_pylist(), strict=True)


def _hash(lane: str, application_id: str) -> int:
    return zlib.crc32(f"{lane}\x1f{application_id}".encode()) | (zlib.adler32(application_id.encode()) << 32)


def _readable(table: pa.Table) -> tuple[list[tuple[Value, ...]], npt.NDArray[np.int64]]:
    """The applications that could be read, and which they are."""
    rows, kept = [], []
    for number, one in enumerate(_rows(table.select(["application"]))):
        try:
            rows.append(as_row(decode_logged(one["application"]).application))
        except InvalidApplication:
            continue
        kept.append(number)
    return rows, np.array(kept, dtype=np.int64)


def _history(
    columns: npt.NDArray[np.float64],
    application: Features,
    used: Sequence[str | None],
    snapshots: Snapshots | None,
) -> tuple[tuple[str, ...], Features, Rows]:
    """Names and history features of each row's own snapshot, and the rows that have them.

    No names when no snapshot can be opened. Who was scored without one has a history with nothing in it.
    """
    names: tuple[str, ...] = ()
    beside, is_known = np.empty((len(columns), 0), dtype=np.float32), np.ones(len(columns), dtype=np.bool_)
    if snapshots is None:
        return names, beside, is_known
    ids, at = ids_of(columns), np.array([one or "" for one in used])
    # The one that most were scored with first: it says which features there are.
    for snapshot_id, _ in Counter(one for one in used if one is not None).most_common():
        rows = np.flatnonzero(at == snapshot_id)
        held = _opened(snapshots, snapshot_id)
        if held is None or held.names != (names or held.names):
            is_known[rows] = False
            continue
        if not names:
            names = held.names
            beside = np.full((len(columns), len(names)), np.nan, dtype=np.float32)
        beside[rows] = held.beside(application[rows], held.past(ids[rows]))
    return names, beside, is_known


def _opened(snapshots: Snapshots, snapshot_id: str) -> HistoryFeatures | None:
    try:
        return snapshots.open(snapshot_id)
    except LookupError as error:
        log.warning("drift does not know the history of some", snapshot_id=snapshot_id, why=str(error))
        return None


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=_CHUNK_ROWS):
        yield from batch.to_pylist()
