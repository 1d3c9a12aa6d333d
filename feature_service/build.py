"""Eight tables in, a published snapshot out: ingest → quality gate → views → vectors → publish.

Called by `scorestream features build`. Knows no Kafka and no command line.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_service.catalogue import markdown
from feature_service.engines import DuckDbEngine, Engine, SparkEngine
from feature_service.errors import BadSource, QualityRejected
from feature_service.history import fill_history
from feature_service.ingest import Ingested, ingest
from feature_service.manifest import FeatureColumn, Manifest, Quality, content_id, inputs_digest
from feature_service.snapshot_files import SnapshotDraft
from feature_service.sources import APPLICATION_TEST, APPLICATION_TRAIN
from feature_service.store import SnapshotStore
from feature_service.tables import encode_table
from feature_service.vector import ALL_FEATURES, HISTORY, feature_vectors
from feature_service.views import VIEWS
from feature_service.views.compile import ENTITY

EngineName = Literal["duckdb", "spark"]
#: Called with what is being done, steps done, all steps.
Progress = Callable[[str, int, int], None]
#: Applicants whose vectors are made at a time: bounds the memory of the build.
_BLOCK_ROWS: Final = 50_000


class Finding(Protocol):
    """One broken expectation of the quality gate."""

    @property
    def sentence(self) -> str:
        """All of it, in words."""


class GateReport(Protocol):
    """What the quality gate says."""

    @property
    def critical(self) -> Sequence[Finding]:
        """What stops the build."""

    @property
    def warnings(self) -> Sequence[Finding]:
        """What is recorded in the manifest."""

    @property
    def html(self) -> Path | None:
        """The first page of the report."""

    def as_document(self) -> dict[str, Any]:
        """The report as JSON types."""


#: The quality gate: tables as Parquet and a folder for its pages in, a report out.
Gate = Callable[[Mapping[str, Path], Path], GateReport]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build from, and how.

    Attributes
    ----------
    cache
        Folder for converted tables, spilled memory, drafts for object stores, the gate's pages.
    allow_missing
        Tables that need not be there; their features are then missing for everybody.
    as_of
        When the history was taken; by default when the newest file was written.
    """

    folder: Path
    cache: Path
    allow_missing: tuple[str, ...] = ()
    engine: EngineName = "duckdb"
    spark_master: str = "local[2]"
    memory_limit: str = "4GB"
    threads: int = 2
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """The snapshot that the build ended in; `is_new` is False if the store had it already."""

    manifest: Manifest
    uri: str
    is_new: bool


def build_snapshot(
    request: BuildRequest, store: SnapshotStore, gate: Gate, *, progress: Progress = lambda *_: None
) -> Built:
    """Build a snapshot of `request.folder` and publish it in `store`.

    If the store has one of the same files and the same code, that is it and nothing is computed.

    Raises
    ------
    BadSource
        A file breaks a rule.
    QualityRejected
        The gate found something critical. Nothing is published then.
    """
    steps = _Steps(progress)
    spill = request.cache / "spill"
    with DuckDbEngine(memory_limit=request.memory_limit, threads=request.threads, spill=spill) as duck:
        tables = ingest(
            request.folder,
            request.cache / "parquet",
            duck.connection,
            allow_missing=request.allow_missing,
            progress=lambda name: steps.next(f"reading {name}"),
        )
        digest = inputs_digest(tables.sha256, tables.missing)
        for manifest in store.manifests():
            if manifest.inputs_digest == digest:
                return Built(manifest, store.address(manifest.id), is_new=False)
        steps.next("checking quality")
        quality = _checked(gate, tables, request.cache / "quality")
        if request.engine == "duckdb":
            return _published(request, store, tables, quality, duck, steps)
        spark = SparkEngine(master=request.spark_master)
        try:
            return _published(request, store, tables, quality, spark, steps)
        finally:
            spark.close()


def _published(
    request: BuildRequest,
    store: SnapshotStore,
    tables: Ingested,
    quality: Quality,
    engine: Engine,
    steps: _Steps,
) -> Built:
    draft = store.draft(request.cache / "drafts")
    try:
        ids, encoded_rows = _applications(tables)
        with SnapshotDraft(draft, ids) as files:
            fill_history(files, tables, engine, progress=steps.next)
            steps.next("application features")
            for start in range(0, len(ids), _BLOCK_ROWS):
                block = files.matrix[start : start + _BLOCK_ROWS]
                block[:] = feature_vectors(
                    encode_table(encoded_rows.slice(start, _BLOCK_ROWS)), block[:, HISTORY]
                )
            steps.next("writing")
            coverage = files.finish()
            manifest = _manifest(request, tables, quality, files, coverage)
        is_new = store.publish(draft, manifest)
        steps.next("published")
        return Built(store.manifest(manifest.id), store.address(manifest.id), is_new)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _applications(tables: Ingested) -> tuple[npt.NDArray[np.int64], pa.Table]:
    """All applicants, ascending, and their application rows in the same order."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    parts = []
    for name in (APPLICATION_TRAIN, APPLICATION_TEST):
        if name in tables.parquet:
            part = pq.read_table(tables.parquet[name])
            parts.append(part.drop_columns(["TARGET"]) if "TARGET" in part.column_names else part)
    rows = pa.concat_tables([part.select(parts[0].column_names) for part in parts])
    ids = rows[ENTITY].to_numpy()
    order = np.argsort(ids, kind="stable")
    return ids[order].astype(np.int64), rows.take(pa.array(order)).combine_chunks()


def _checked(gate: Gate, tables: Ingested, folder: Path) -> Quality:
    report = gate(tables.parquet, folder)
    if report.critical:
        html = None if report.html is None else str(report.html)
        raise QualityRejected([finding.sentence for finding in report.critical], html)
    # The manifest is read on every start of a scorer: the report goes in as JSON types, paths stay out.
    return Quality(
        warnings=tuple(finding.sentence for finding in report.warnings),
        html=None if report.html is None else report.html.resolve().as_uri(),
        report=msgspec.to_builtins(report.as_document()),
    )


def _manifest(
    request: BuildRequest, tables: Ingested, quality: Quality, files: SnapshotDraft, coverage: Sequence[float]
) -> Manifest:
    matrix_sha256, ids_sha256 = files.content_hashes()
    identity = content_id(ALL_FEATURES, matrix_sha256, ids_sha256, tables.missing)
    as_of = request.as_of or datetime.fromtimestamp(int(tables.newest_change_s), UTC)
    columns = tuple(
        FeatureColumn(one.name, one.dtype, one.null_rule, one.table, one.categories, round(share, 6))
        for one, share in zip(ALL_FEATURES, coverage, strict=True)
    )
    files.write_page(
        markdown(ALL_FEATURES, coverage=dict(zip((c.name for c in columns), coverage, strict=True)))
    )
    return Manifest(
        id=identity,
        as_of=as_of.isoformat(),
        built_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        engine=request.engine,
        n_applicants=len(files.ids),
        features=columns,
        history=(HISTORY.start, HISTORY.stop),
        missing_tables=tables.missing,
        matrix_sha256=matrix_sha256,
        ids_sha256=ids_sha256,
        files=files.file_hashes(),
        sources=tables.sha256,
        source_rows=tables.rows,
        inputs_digest=inputs_digest(tables.sha256, tables.missing),
        notes=tables.notes,
        quality=quality,
    )


def check_allowed(names: Collection[str], optional: Collection[str]) -> None:
    """Return if each table may be missing; BadSource for one that may not or that nobody knows."""
    for name in names:
        if name not in optional:
            raise BadSource(f"this table can't be left out; these can: {', '.join(optional)}", file=name)


class _Steps:
    """Counts the steps of a build for whoever watches."""

    _ALL: Final = 8 + len(VIEWS) + 4

    def __init__(self, progress: Progress) -> None:
        self._progress, self._done = progress, 0

    def next(self, doing: str) -> None:
        self._progress(doing, min(self._done, self._ALL), self._ALL)
        self._done += 1
