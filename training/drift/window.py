"""What was decided in a period, from the archive, as the features that training knows.

Features are computed anew from the applications as submitted, by the code that training and the scorer
use; the history comes from the snapshot that each was scored with. At most `max_rows`, evenly taken.
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

from contracts.application import as_row, decode_logged
from contracts.problems import InvalidApplication
from contracts.topics import PREDICTIONS, PREDICTIONS_BATCH
from feature_service.application import FEATURE_NAMES, Features, application_features, encode
from training.archive.reading import records
from training.archive.store import ArchiveStore
from training.dataset import ids_of
from training.errors import SnapshotUnusable
from training.history import Snapshots

log = structlog.get_logger()

_COLUMNS: Final = [
    "lane", "application_id", "decided_at", "application", "snapshot_id", "decision", "margin",
    "model_digest", "unseen_categories",
]  # fmt: skip
_CHUNK_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Window:
    """Applications decided in the period; `decided` counts them all, the arrays hold a sample.

    `features` is `(n_rows, n_names)` under `names`. `unseen` is the share of all, per field, whose category
    the contract does not know.
    """

    decided: int
    names: tuple[str, ...]
    features: Features
    margins: npt.NDArray[np.float64]
    digests: npt.NDArray[np.str_]
    decisions: npt.NDArray[np.str_]
    unseen: dict[str, float]


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
        nothing = np.empty((0, len(FEATURE_NAMES)), dtype=np.float32)
        return Window(decided, FEATURE_NAMES, nothing, np.empty(0), np.empty(0, "U1"), np.empty(0, "U1"), {})
    names, features, kept = _features(table, snapshots)
    table = table.take(kept)
    return Window(
        decided=decided,
        names=names,
        features=features,
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
        inside, hashes = inside.take(fresh), [hashes[row] for row in fresh]
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
    return table.take([row for row, key in enumerate(hashes) if key % every == 0])


def _keys(table: pa.Table) -> Iterator[tuple[str, str]]:
    return zip(table["lane"].to_pylist(), table["application_id"].to_pylist(), strict=True)


def _hash(lane: str, application_id: str) -> int:
    return zlib.crc32(f"{lane}\x1f{application_id}".encode()) | (zlib.adler32(application_id.encode()) << 32)


def _features(
    table: pa.Table, snapshots: Snapshots | None
) -> tuple[tuple[str, ...], Features, npt.NDArray[np.int64]]:
    """Names, features, and the rows that could be read."""
    rows, kept, used = [], [], []
    for number, one in enumerate(_rows(table.select(["application", "snapshot_id"]))):
        try:
            rows.append(as_row(decode_logged(one["application"]).application))
        except InvalidApplication:
            continue
        kept.append(number)
        used.append(one["snapshot_id"])
    columns = encode(rows)
    application = application_features(columns)
    names, history = _history(columns, application, used, snapshots)
    return (*FEATURE_NAMES, *names), np.hstack([application, history]), np.array(kept, dtype=np.int64)


def _history(
    columns: npt.NDArray[np.float64],
    application: Features,
    used: Sequence[str | None],
    snapshots: Snapshots | None,
) -> tuple[tuple[str, ...], Features]:
    """The history features of each row's own snapshot; none when one of them can't be opened."""
    nothing = np.empty((len(columns), 0), dtype=np.float32)
    wanted = sorted({one for one in used if one is not None})
    if snapshots is None or not wanted:
        return (), nothing
    ids, at = ids_of(columns), np.array([one or "" for one in used])
    names: tuple[str, ...] = ()
    beside = nothing
    try:
        for snapshot_id in wanted:
            held = snapshots.open(snapshot_id)
            if names and held.names != names:
                raise SnapshotUnusable(f"snapshot {snapshot_id} has other features than the one before")
            if not names:
                names = held.names
                beside = np.full((len(columns), len(names)), np.nan, dtype=np.float32)
            rows = np.flatnonzero(at == snapshot_id)
            beside[rows] = held.beside(application[rows], held.past(ids[rows]))
    except LookupError as error:
        log.warning("drift looks at the application's own features only", why=str(error))
        return (), nothing
    return names, beside


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=_CHUNK_ROWS):
        yield from batch.to_pylist()
