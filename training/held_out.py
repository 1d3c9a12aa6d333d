"""The evaluation rows that travel with a registered version, so that a later one can meet it on them.

    held_out.parquet   applicant id, TARGET and the whole float32 view of the held-out applicants
    parts.parquet      applicant id and part of every applicant the model was made with

Written beside the model in the artifact store, read by promotion. Applicants' data: whoever may read
the artifact store may read these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from feature_service.application import Features
from training.dataset import Dataset

HELD_OUT: Final = "held_out.parquet"
PARTS: Final = "parts.parquet"

_ID: Final = "SK_ID_CURR"
_TARGET: Final = "TARGET"
#: More rows sharpen a comparison by less than its margin.
MAX_ROWS: Final = 50_000

Ids = npt.NDArray[np.int64]
Target = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out applicants and, in `learnt_from`, everybody that the model was fitted or chosen on.

    `features` is `(n_rows, n_names)` under `names`.
    """

    names: tuple[str, ...]
    features: Features
    applicant_ids: Ids
    target: Target
    learnt_from: Ids

    def without(self, applicant_ids: Ids) -> HeldOut:
        """Those rows whose applicant is none of `applicant_ids`."""
        rows = ~np.isin(self.applicant_ids, applicant_ids)
        return HeldOut(
            self.names, self.features[rows], self.applicant_ids[rows], self.target[rows], self.learnt_from
        )

    def select(self, names: Sequence[str]) -> Features:
        """The rows under `names`; LookupError for a name that is not there."""
        at = {name: index for index, name in enumerate(self.names)}
        try:
            return np.ascontiguousarray(self.features[:, [at[name] for name in names]])
        except KeyError as missing:
            raise LookupError(f"the held-out rows have no feature {missing}") from missing


def held_out_of(dataset: Dataset) -> HeldOut:
    """The held-out part of the dataset, at most `MAX_ROWS` evenly taken."""
    parts, ids = dataset.parts, dataset.applicant_ids
    rows = parts.held_out[:: max(1, -(-len(parts.held_out) // MAX_ROWS))]
    return HeldOut(
        names=dataset.names,
        features=dataset.features[rows],
        applicant_ids=ids[rows],
        target=dataset.target[rows],
        learnt_from=np.unique(ids[np.concatenate([parts.fit, parts.choose])]),
    )


def write_held_out(folder: Path, rows: HeldOut) -> None:
    """Both files, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = {name: rows.features[:, index] for index, name in enumerate(rows.names)}
    table = pa.table({_ID: rows.applicant_ids, _TARGET: rows.target, **columns})
    pq.write_table(table, folder / HELD_OUT, compression="zstd")
    ids = np.concatenate([rows.learnt_from, rows.applicant_ids])
    parts = np.repeat(["learnt from", "held out"], [len(rows.learnt_from), len(rows.applicant_ids)])
    pq.write_table(pa.table({_ID: ids, "part": parts}), folder / PARTS, compression="zstd")


def read_held_out(folder: Path) -> HeldOut:
    """What `write_held_out` wrote; LookupError if it is not there or not of this form."""
    try:
        table = pq.read_table(folder / HELD_OUT)
        parts = pq.read_table(folder / PARTS)
        names = tuple(name for name in table.column_names if name not in (_ID, _TARGET))
        learnt = np.array(parts["part"].to_pylist()) == "learnt from"
        return HeldOut(
            names=names,
            features=np.column_stack([table[name].to_numpy() for name in names]),
            applicant_ids=table[_ID].to_numpy(),
            target=table[_TARGET].to_numpy(),
            learnt_from=parts[_ID].to_numpy()[learnt],
        )
    except (OSError, pa.ArrowException, KeyError) as error:
        raise LookupError(f"{folder}: no held-out rows that can be read: {error}") from error
