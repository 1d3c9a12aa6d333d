"""The HTTP API: an applicant's features, snapshots, definitions. Not on the scoring path.

The HTTP codes of errors are here and nowhere else.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import structlog
from fastapi import Body, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from feature_service.application import Features
from feature_service.current import CurrentSnapshot
from feature_service.errors import FeatureServiceError, Rejected, UnknownApplicant, UnknownSnapshot
from feature_service.manifest import Manifest
from feature_service.metrics import FeatureMetrics
from feature_service.settings import FeatureSettings
from feature_service.store import SnapshotStore
from feature_service.vector import ALL_FEATURES
from infra.runtime.presence import announced

log = structlog.get_logger()
_LARGEST_ID = 2**53 - 1
_PROBLEM = "application/problem+json"
ApplicantId = Annotated[int, Field(ge=1, le=_LARGEST_ID)]


class ApplicantFeatures(BaseModel):
    """An applicant's features; null is missing."""

    applicant_id: int
    snapshot_id: str
    as_of: str
    features: dict[str, float | None]


class BatchRequest(BaseModel):
    """Whose features, and which; all when no names are given."""

    applicant_ids: list[ApplicantId] = Field(min_length=1)
    names: list[str] | None = None


class BatchAnswer(BaseModel):
    """One row of values per applicant in the order asked, null for who is unknown."""

    snapshot_id: str
    as_of: str
    names: list[str]
    applicant_ids: list[int]
    values: list[list[float | None] | None]


class SnapshotSummary(BaseModel):
    """A published snapshot."""

    id: str
    as_of: str
    built_at: str
    n_applicants: int
    n_features: int
    missing_tables: list[str]
    sources: dict[str, str]
    notes: list[str]
    quality_warnings: list[str]
    is_served: bool


class Definition(BaseModel):
    """What a feature is and where it comes from."""

    name: str
    entity: str
    table: str
    sources: list[str]
    dtype: str
    unit: str
    null_rule: str
    description: str
    group: str
    categories: list[str]
    is_model_input: bool
    coverage: float | None


def make_app(settings: FeatureSettings) -> FastAPI:
    """The API over the store that the settings name; it serves the newest snapshot and follows new ones."""
    metrics = FeatureMetrics()
    current = CurrentSnapshot(SnapshotStore(settings.store), settings.cache / "snapshots", metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await _refreshed(current)
        following = asyncio.create_task(_follow(current, settings.refresh_s))
        with announced(settings.run_dir, "feature-service", f"http://127.0.0.1:{settings.port}"):
            yield
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following

    app = FastAPI(title="scorestream feature service", version="1", lifespan=lifespan, redoc_url=None)
    app.add_exception_handler(FeatureServiceError, _problem)
    _add_measuring(app, metrics)
    _add_health(app, current, metrics)
    _add_features(app, current, settings.max_batch)
    _add_catalogue(app, current)
    return app


def _add_features(app: FastAPI, current: CurrentSnapshot, max_batch: int) -> None:
    @app.get("/v1/applicants/{applicant_id}/features")
    def of_applicant(
        applicant_id: ApplicantId, name: Annotated[list[str] | None, Query()] = None
    ) -> ApplicantFeatures:
        """Features of one applicant, all or those named."""
        reader = current.reader
        names, at = _chosen(reader.manifest, name)
        row = reader.row(applicant_id)
        if row is None:
            raise UnknownApplicant(f"snapshot {reader.id} does not hold applicant {applicant_id}")
        return ApplicantFeatures(
            applicant_id=applicant_id,
            snapshot_id=reader.id,
            as_of=reader.manifest.as_of,
            features=dict(zip(names, _spoken(row[at]), strict=True)),
        )

    @app.post("/v1/features")
    def of_applicants(wanted: Annotated[BatchRequest, Body()]) -> BatchAnswer:
        """Features of several applicants."""
        reader = current.reader
        if len(wanted.applicant_ids) > max_batch:
            raise Rejected(f"{len(wanted.applicant_ids)} applicants in a request; the most is {max_batch}")
        names, at = _chosen(reader.manifest, wanted.names)
        rows, found = reader.rows(wanted.applicant_ids)
        values = [_spoken(row[at]) if is_known else None for row, is_known in zip(rows, found, strict=True)]
        return BatchAnswer(
            snapshot_id=reader.id,
            as_of=reader.manifest.as_of,
            names=names,
            applicant_ids=wanted.applicant_ids,
            values=values,
        )


def _add_catalogue(app: FastAPI, current: CurrentSnapshot) -> None:
    @app.get("/v1/snapshots")
    def snapshots() -> list[SnapshotSummary]:
        """All snapshots of the store, oldest first."""
        served = current.reader.id if current.has_snapshot else None
        return [_summary(manifest, served) for manifest in current.store.manifests()]

    @app.get("/v1/snapshots/{snapshot_id}")
    def snapshot(snapshot_id: str) -> SnapshotSummary:
        """One snapshot."""
        return _summary(
            current.store.manifest(snapshot_id), current.reader.id if current.has_snapshot else None
        )

    @app.get("/v1/definitions")
    def definitions(table: str | None = None) -> list[Definition]:
        """Every feature with its lineage; coverage is of the snapshot that is served."""
        columns = current.reader.manifest.features if current.has_snapshot else ()
        coverage = {column.name: column.coverage for column in columns}
        return [
            Definition(
                name=one.name,
                entity=one.entity,
                table=one.table,
                sources=list(one.sources),
                dtype=one.dtype,
                unit=one.unit,
                null_rule=one.null_rule,
                description=one.description,
                group=one.group,
                categories=list(one.categories),
                is_model_input=one.is_model_input,
                coverage=coverage.get(one.name),
            )
            for one in ALL_FEATURES
            if table is None or table in one.table.split(" + ")
        ]


def _add_health(app: FastAPI, current: CurrentSnapshot, metrics: FeatureMetrics) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Alive."""
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> dict[str, Any]:
        """A snapshot is there to serve, or none was ever published: no restart would bring the first.

        503 while the store can't be reached, or has snapshots and none that can be served.
        """
        if current.waits_for_first:
            return {"status": "ready", "snapshot": None}
        reader = current.reader
        return {"status": "ready", "snapshot": {"id": reader.id, "as_of": reader.as_of}}

    @app.get("/metrics")
    async def metrics_page() -> Response:
        """Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_measuring(app: FastAPI, metrics: FeatureMetrics) -> None:
    @app.middleware("http")
    async def measured(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        started = perf_counter()
        response = await answer(request)
        route = getattr(request.scope.get("route"), "path", "unknown")
        metrics.answers.labels(route, str(response.status_code)).inc()
        metrics.answering.observe(perf_counter() - started)
        return response


async def _follow(current: CurrentSnapshot, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await _refreshed(current)


async def _refreshed(current: CurrentSnapshot) -> None:
    try:
        await asyncio.to_thread(current.refresh)
    except FeatureServiceError as error:
        log.warning("the newest snapshot can't be served", error=str(error))


def _chosen(manifest: Manifest, wanted: list[str] | None) -> tuple[list[str], np.ndarray[Any, Any]]:
    names = list(manifest.feature_names)
    if wanted is None:
        return names, np.arange(len(names))
    position = {name: index for index, name in enumerate(names)}
    unknown = [name for name in wanted if name not in position]
    if unknown:
        raise Rejected(f"no feature is called {', '.join(unknown[:5])}; see /v1/definitions")
    return wanted, np.array([position[name] for name in wanted], dtype=np.intp)


def _spoken(values: Features) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _summary(manifest: Manifest, served: str | None) -> SnapshotSummary:
    return SnapshotSummary(
        id=manifest.id,
        as_of=manifest.as_of,
        built_at=manifest.built_at,
        n_applicants=manifest.n_applicants,
        n_features=len(manifest.features),
        missing_tables=list(manifest.missing_tables),
        sources=manifest.sources,
        notes=list(manifest.notes),
        quality_warnings=list(manifest.quality.warnings),
        is_served=manifest.id == served,
    )


async def _problem(_: Request, error: Exception) -> JSONResponse:
    status, title = 503, "Not available now"
    if isinstance(error, UnknownApplicant | UnknownSnapshot):
        status, title = 404, "Not found"
    elif isinstance(error, Rejected):
        status, title = 422, "Not valid"
    document = {"type": "about:blank", "title": title, "status": status, "detail": str(error)}
    headers = {"Retry-After": "5"} if status == 503 else None
    return JSONResponse(document, status, headers, media_type=_PROBLEM)
