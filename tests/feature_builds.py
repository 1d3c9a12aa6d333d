"""What the tests of features share: a gate that lets all pass, a build, a value by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_service.build import BuildRequest, Built, build_snapshot
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore
from feature_service.vector import ALL_FEATURE_NAMES


@dataclass(frozen=True, slots=True)
class Said:
    """A finding of a test's gate."""

    sentence: str


@dataclass(frozen=True, slots=True)
class FixedGate:
    """A quality gate whose findings are known."""

    critical: tuple[Said, ...] = ()
    warnings: tuple[Said, ...] = ()
    html: Path | None = None

    def __call__(self, parquet: Mapping[str, Path], docs: Path) -> FixedGate:
        return self

    def as_document(self) -> dict[str, Any]:
        return {"passed": not self.critical}


def build(folder: Path, root: Path, gate: FixedGate | None = None, **request: Any) -> Built:
    """A snapshot of `folder` in the store `root/store`."""
    store = SnapshotStore(str(root / "store"))
    return build_snapshot(BuildRequest(folder, root / "cache", **request), store, gate or FixedGate())


def reader_of(built: Built) -> SnapshotReader:
    """The snapshot that was built."""
    return SnapshotReader.open(Path(built.uri))


def value(reader: SnapshotReader, applicant_id: int, name: str) -> float:
    """A feature of an applicant that the snapshot holds."""
    row = reader.row(applicant_id)
    assert row is not None
    return float(row[ALL_FEATURE_NAMES.index(name)])
