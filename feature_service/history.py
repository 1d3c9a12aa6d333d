"""The history's columns of a snapshot: every view evaluated, each row put at its applicant.

Called by the build. A large table is evaluated some applicants at a time: the sums are of whole numbers, so
that changes no bit, and ingestion has sorted the tables, so that it reads nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_service.application import Features
from feature_service.engines import Engine
from feature_service.ingest import Ingested
from feature_service.snapshot_files import SnapshotDraft
from feature_service.sources import SOURCES
from feature_service.vector import HISTORY
from feature_service.views import VIEWS
from feature_service.views.compile import ENTITY, features_of
from feature_service.views.view import Tables, View

_BLOCK_ROWS: Final = 50_000


def fill_history(
    files: SnapshotDraft, tables: Ingested, engine: Engine, *, progress: Callable[[str], None]
) -> None:
    """Evaluate each view and put its rows at their applicants; `progress` is told each view."""
    ibis_tables = engine.tables(tables.parquet)
    start = HISTORY.start
    for view in VIEWS:
        progress(f"{view.tables[0]}: {len(view.features)} features")
        end = start + len(view.features)
        if set(view.tables) <= set(tables.parquet):
            files.matrix[:, start:end] = np.array([view.absent(one) for one in view.features], np.float32)
            for rows in evaluated(view, ibis_tables, files.ids, n_rows=tables.rows, engine=engine):
                _place(files, rows, start)
        else:
            files.matrix[:, start:end] = np.nan
        start = end


def evaluated(
    view: View,
    tables: Tables,
    ids: npt.NDArray[np.int64],
    *,
    n_rows: Mapping[str, int],
    engine: Engine,
) -> Iterator[pa.Table]:
    """The view's rows, of so many of the applicants `ids` (ascending) at a time as the engine does best with.

    `n_rows` are the rows of each table. Applicants who are not among `ids` may be there too.
    """
    mine = {name: tables[name] for name in view.tables}
    has_owner = all(ENTITY in SOURCES[name].columns for name in mine)
    largest = max(n_rows[name] for name in mine)
    if engine.rows_at_once is None or not has_owner or largest <= engine.rows_at_once:
        yield engine.evaluated(features_of(view, mine))
        return
    parts = min(-(-largest // engine.rows_at_once), len(ids))
    for part in np.array_split(ids, parts):
        low, high = int(part[0]), int(part[-1])
        some = {name: table.filter(table[ENTITY].between(low, high)) for name, table in mine.items()}
        yield engine.evaluated(features_of(view, some))


def _place(files: SnapshotDraft, result: pa.Table, start: int) -> None:
    """Put a view's rows at their applicants; rows of who has no application are dropped."""
    for batch in result.to_batches(max_chunksize=_BLOCK_ROWS):
        owners = batch.column(0).to_numpy(zero_copy_only=False).astype(np.int64)
        at = np.minimum(np.searchsorted(files.ids, owners), len(files.ids) - 1)
        known = files.ids[at] == owners
        values = np.column_stack(
            [column.to_numpy(zero_copy_only=False).astype(np.float32) for column in batch.columns[1:]]
        )
        files.matrix[at[known], start : start + values.shape[1]] = _canonical(values[known])


def _canonical(values: Features) -> Features:
    """One NaN for missing and one zero: equal values have equal bytes. Nothing is infinite."""
    values[~np.isfinite(values)] = np.nan
    values += np.float32(0.0)
    return values
