"""What a snapshot says about itself: manifest.json, and the id that follows from its content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from feature_service.definitions import FeatureDefinition
from feature_service.errors import SnapshotRefused

FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
MATRIX: Final = "matrix.f32"
IDS: Final = "ids.i64"
PARQUET: Final = "features.parquet"
PAGE: Final = "features.md"
#: What serving maps, and all that a snapshot has beside its manifest.
SERVING_FILES: Final = (MATRIX, IDS)
FILES: Final = (*SERVING_FILES, PARQUET, PAGE)


class FeatureColumn(msgspec.Struct, frozen=True):
    """One column. `coverage` is the share of applicants that have a value."""

    name: str
    dtype: str
    null_rule: str
    table: str
    categories: tuple[str, ...] = ()
    coverage: float | None = None


class Quality(msgspec.Struct, frozen=True):
    """What the quality gate said: its warnings in sentences, where its pages are, its whole report."""

    warnings: tuple[str, ...] = ()
    html: str | None = None
    report: dict[str, Any] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All of a snapshot but its numbers.

    `id` is over what the snapshot is (`content_id`), not over when, where or from which files it
    was made: the same rows in another order are the same snapshot. `inputs_digest` is over the files and
    the code, and spares a build that could only yield the same. `as_of` is when the history was
    taken; `sources` and `sizes` the SHA-256 of the CSV files and of the snapshot's own files.
    """

    format_version: int = FORMAT_VERSION
    id: str
    as_of: str
    built_at: str
    engine: str
    n_applicants: int
    features: tuple[FeatureColumn, ...]
    history: tuple[int, int]
    missing_tables: tuple[str, ...]
    matrix_sha256: str
    ids_sha256: str
    files: dict[str, str]
    sources: dict[str, str]
    source_rows: dict[str, int]
    inputs_digest: str
    notes: tuple[str, ...] = ()
    quality: Quality = Quality()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names in the order of the columns."""
        return tuple(column.name for column in self.features)

    def encoded(self) -> bytes:
        """The manifest as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def decoded(raw: bytes) -> Manifest:
    """The manifest in `raw`; SnapshotRefused if it is none or of a newer format."""
    try:
        version = msgspec.json.decode(raw, type=dict[str, Any]).get("format_version")
        if version != FORMAT_VERSION:
            raise SnapshotRefused(f"the snapshot has format {version}; this code reads {FORMAT_VERSION}")
        return msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        raise SnapshotRefused(f"{MANIFEST} is not a manifest: {error}") from error


def inputs_digest(sources: dict[str, str], missing: Sequence[str]) -> str:
    """SHA-256, hexadecimal, of the source files and of the code that makes features of them."""
    root = Path(__file__).resolve().parent
    digest = hashlib.sha256(msgspec.json.encode((sorted(sources.items()), sorted(missing))))
    for path in (*sorted(root.rglob("*.py")), root.parent / "contracts" / "application_fields.py"):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def content_id(
    features: Sequence[FeatureDefinition], matrix_sha256: str, ids_sha256: str, missing: Sequence[str]
) -> str:
    """The snapshot's id: 32 hexadecimal digits over names, types, null rules, ids and values."""
    content = (
        FORMAT_VERSION,
        [(one.name, one.dtype, one.null_rule, one.categories) for one in features],
        ids_sha256,
        matrix_sha256,
        sorted(missing),
    )
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:32]


def check_order(manifest: Manifest, features: Sequence[FeatureDefinition]) -> None:
    """Return if the snapshot's columns are `features` in this order; SnapshotRefused otherwise."""
    found = [(column.name, column.dtype, column.categories) for column in manifest.features]
    wanted = [(one.name, one.dtype, one.categories) for one in features]
    if found == wanted:
        return
    for index, (one, other) in enumerate(zip(found, wanted, strict=False)):
        if one != other:
            raise SnapshotRefused(
                f"snapshot {manifest.id}: column {index} is {one[0]} ({one[1]}), this code has {other[0]}"
                f" ({other[1]}) there; build a snapshot with this version"
            )
    raise SnapshotRefused(
        f"snapshot {manifest.id} has {len(found)} features, this code {len(wanted)};"
        " build a snapshot with this version"
    )
