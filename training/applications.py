"""Reads Home Credit's application files: declared types, or an error that names file and column.

Called by `training.train` with application_train.csv. Numbers come back as the contract encodes
them, so that training sees a row as the scorer would.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from contracts.application import COLUMNS
from contracts.application_fields import FIELDS
from contracts.fields import Kind
from feature_service.application import Encoded
from feature_service.tables import encode_table
from training.errors import BadApplicationsFile

TARGET: Final = "TARGET"
FILE_NAME: Final = "application_train.csv"
TEST_FILE_NAME: Final = "application_test.csv"

#: Counts are read as numbers: the public files write those with gaps as `2.0`.
_TYPES: Final = {
    **{field.name: pa.string() if field.kind is Kind.CATEGORY else pa.float64() for field in FIELDS},
    "SK_ID_CURR": pa.int64(),
    TARGET: pa.int64(),
}
_COLUMN_NUMBER: Final = re.compile(r"CSV column #(\d+):")


@dataclass(frozen=True, slots=True)
class LabelledApplications:
    """Applications whose end is known.

    `columns` is `(n_rows, n_columns)` in the contract's order; `target` is 1 for a default;
    `unseen` counts, per field, the values whose category the contract does not know (they are
    missing in `columns`); `sha256` is the file's.
    """

    columns: Encoded
    target: npt.NDArray[np.int64]
    unseen: dict[str, int]
    sha256: str


def read_labelled_applications(path: Path) -> LabelledApplications:
    """The applications of `path` with their TARGET; BadApplicationsFile if it breaks a rule."""
    table = _read(path)
    _check_ids(table, path)
    columns = encode_table(table)
    _check_finite(columns, path)
    target = table[TARGET].to_numpy()
    if table[TARGET].null_count or not np.isin(target, (0, 1)).all():
        raise BadApplicationsFile(f"{path}: column {TARGET} must be 0 or 1 in each row")
    if len(np.unique(target)) < 2:
        raise BadApplicationsFile(f"{path}: column {TARGET} holds one class only; both are needed to learn")
    return LabelledApplications(
        columns=columns, target=target, unseen=_unseen(table, columns), sha256=file_sha256(path)
    )


def read_unlabelled(path: Path) -> Encoded:
    """The applications of a file without TARGET, `(n_rows, n_columns)`; BadApplicationsFile as above."""
    table = _read(path, with_target=False)
    _check_ids(table, path)
    columns = encode_table(table)
    _check_finite(columns, path)
    return columns


def file_sha256(path: Path) -> str:
    """SHA-256 of the file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path, *, with_target: bool = True) -> pa.Table:
    wanted = [*COLUMNS, TARGET] if with_target else list(COLUMNS)
    if not path.is_file():
        raise BadApplicationsFile(f"{path} is missing; --data is the folder that holds {FILE_NAME}")
    try:
        with path.open(encoding="utf-8") as file:
            names = file.readline().rstrip("\r\n").replace('"', "").split(",")
        missing = [name for name in wanted if name not in names]
        if missing:
            raise BadApplicationsFile(f"{path}: columns are missing: {', '.join(missing)}")
        return pacsv.read_csv(
            path,
            convert_options=pacsv.ConvertOptions(
                column_types=_TYPES,
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise BadApplicationsFile(f"{path}: {_named(str(error), names)}") from error


def _named(message: str, names: list[str]) -> str:
    """Arrow's message with the column's name and declared type in place of its number."""
    found = _COLUMN_NUMBER.search(message)
    if found is None or int(found[1]) >= len(names):
        return message
    name = names[int(found[1])]
    return f"column {name} ({_TYPES.get(name, 'text')}): {message[found.end() :].strip()}"


def _check_ids(table: pa.Table, path: Path) -> None:
    if table.num_rows == 0:
        raise BadApplicationsFile(f"{path} has no rows")
    ids = table["SK_ID_CURR"]
    if ids.null_count:
        raise BadApplicationsFile(f"{path}: column SK_ID_CURR is empty in {ids.null_count} rows")
    values, counts = np.unique(ids.to_numpy(), return_counts=True)
    if len(values) != table.num_rows:
        raise BadApplicationsFile(f"{path}: SK_ID_CURR {values[counts > 1][0]} is there more than once")


def _check_finite(columns: Encoded, path: Path) -> None:
    at = np.flatnonzero(np.isinf(columns).any(axis=0))
    if len(at):
        raise BadApplicationsFile(f"{path}: column {COLUMNS[at[0]]} holds an infinite value")


def _unseen(table: pa.Table, columns: Encoded) -> dict[str, int]:
    unseen = {}
    for index, field in enumerate(FIELDS):
        if field.kind is Kind.CATEGORY:
            missing = int(np.isnan(columns[:, index]).sum())
            if missing > table[field.name].null_count:
                unseen[field.name] = missing - table[field.name].null_count
    return unseen
