"""The ledger's HTTP interface. Its callers are the gateways, operators and auditors, not the clients.

Every answer about a lane carries `x-lag-ms`: all that was in the log that long ago is in the answer.
A `client_id` that is given must be the application's own; without one all are readable.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from contracts.lanes import Lane
from gateway.ledger.errors import StorageUnavailable
from gateway.ledger.lane import LaneView, wrong_with
from gateway.ledger.problems import answer_for, dead_letter, unknown
from gateway.ledger.reading import Kept, KeyOwner
from gateway.ledger.rules import Status

router = APIRouter()

ClientId = Annotated[str | None, Query(max_length=255)]
ApplicationId = Annotated[str | None, Query(max_length=255)]
Moment = Annotated[datetime | None, Query()]
_MOST_LISTED = 1_000


class KeyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a client used a key for first, and how that went. `problem` is there when it is dead."""

    application_id: str
    applicant_id: int | None
    request_hash: str | None
    status: str
    decision: msgspec.Raw | None
    problem: Any = None


class ListedApplication(msgspec.Struct, frozen=True, kw_only=True):
    """One application of an applicant; times are RFC 3339, UTC."""

    application_id: str
    lane: str
    status: str
    client_id: str | None
    batch_id: str | None
    accepted_at: str | None
    decided_at: str | None
    dead_at: str | None
    dead_reason: str | None
    decision: msgspec.Raw | None


class ApplicantDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An applicant's applications, the newest first; `is_cut` when there are more than the limit."""

    applicant_id: int
    applications: list[ListedApplication]
    is_cut: bool


@router.get("/v1/applications/{application_id}")
async def get_application(
    application_id: str, request: Request, client_id: ClientId = None, lane: Lane = Lane.SYNC
) -> Response:
    """200 decided, 202 accepted, 410 dead-lettered, 404 unknown, 503 not read far enough to say."""
    view = _view(request, lane)
    kept = await _found(view, application_id, request)
    if kept is None or (client_id is not None and kept.client_id != client_id):
        return _with_lag(unknown("no application of this client has the id"), view)
    return _with_lag(answer_for(kept), view)


@router.get("/v1/keys/{key_hash}")
async def get_key(
    key_hash: str, request: Request, client_id: Annotated[str, Query()], application_id: ApplicationId = None
) -> Response:
    """200 what the client used the key for first, 404 nothing, 503 not read far enough to say.

    The log keeps keys as long as applications, decisions longer. So with an `application_id`, which a key and
    an applicant make, a decision of the client's under that id is an answer too.
    """
    view = _view(request, Lane.SYNC)
    asked_at = time.monotonic()
    owner = await view.read(lambda reader: reader.key_owner(client_id, key_hash))
    if owner is None:
        await view.passed(asked_at, wait_s=_wait_s(request))
        owner = await view.read(lambda reader: reader.key_owner(client_id, key_hash))
    wanted = application_id if owner is None else owner.application_id
    kept = None if wanted is None else await view.read(lambda reader: reader.application(wanted))
    if owner is None and kept is not None and kept.client_id == client_id:
        owner = KeyOwner(kept.application_id, kept.applicant_id, kept.request_hash)
    if owner is None:
        return _with_lag(unknown("this client has not used the key"), view)
    return _with_lag(_json(_key_document(owner, kept)), view)


@router.get("/v1/applicants/{applicant_id}/applications")
async def get_applications(
    applicant_id: int,
    request: Request,
    from_: Annotated[datetime | None, Query(alias="from")] = None,
    to: Moment = None,
    client_id: ClientId = None,
    limit: Annotated[int, Query(ge=1, le=_MOST_LISTED)] = 100,
) -> Response:
    """Applications of both lanes accepted in [from, to), the newest first."""
    views: dict[Lane, LaneView] = request.app.state.lanes
    found: list[Kept] = []
    for view in views.values():
        found += await view.read(
            lambda reader: reader.of_applicant(
                applicant_id, from_ms=_ms(from_), to_ms=_ms(to), client_id=client_id, limit=limit + 1
            )
        )
    found.sort(key=lambda kept: kept.placed_at_ms, reverse=True)
    document = ApplicantDocument(
        applicant_id=applicant_id,
        applications=[_listed(kept) for kept in found[:limit]],
        is_cut=len(found) > limit,
    )
    return _with_lag(_json(document), *views.values())


@router.get("/v1/counts")
async def get_counts(request: Request) -> Response:
    """Per lane: logged, pending, decided, dead, and the age of the oldest pending; counted now."""
    views: dict[Lane, LaneView] = request.app.state.lanes
    now_ms = time.time_ns() // 1_000_000
    lanes: dict[str, Any] = {}
    for lane, view in views.items():
        counts = await view.read(lambda reader: reader.counts(now_ms))
        oldest = counts.oldest_pending_ms
        lanes[lane.value] = {
            **asdict(counts),
            "accepted": counts.recorded,
            "difference": counts.difference,
            "oldest_pending_s": None if oldest is None else max(0, now_ms - oldest) / 1000,
            "lag_ms": _lag_ms(view),
        }
    return _with_lag(_json({"lanes": lanes}), *views.values())


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """200 while the process answers at all."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request, response: Response) -> dict[str, Any]:
    """200 while both lanes are written and have caught up with the log once."""
    wrong = wrong_with(request.app.state.lanes)
    if request.app.state.is_draining:
        wrong["drain"] = "stopping"
    response.status_code = 503 if wrong else 200
    lags = {lane.value: _lag_ms(view) for lane, view in request.app.state.lanes.items()}
    return {"status": "failing" if wrong else "ok", "wrong": wrong, "lag_ms": lags}


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The process's metrics in Prometheus' text format."""
    kept = request.app.state.metrics
    for lane, view in request.app.state.lanes.items():
        lag_s = view.freshness.lag_s
        kept.lag.labels(lane.value).set(float("inf") if lag_s is None else lag_s)
    return Response(generate_latest(kept.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _found(view: LaneView, application_id: str, request: Request) -> Kept | None:
    """The application; None only when the tables hold all that was in the log at the question."""
    asked_at = time.monotonic()
    kept = await view.read(lambda reader: reader.application(application_id))
    if kept is None:
        await view.passed(asked_at, wait_s=_wait_s(request))
        kept = await view.read(lambda reader: reader.application(application_id))
    return kept


def _view(request: Request, lane: Lane) -> LaneView:
    view: LaneView = request.app.state.lanes[lane]
    return view


def _wait_s(request: Request) -> float:
    wait_ms: int = request.app.state.settings.look_up_wait_ms
    return wait_ms / 1000


def _key_document(owner: KeyOwner, kept: Kept | None) -> KeyDocument:
    if kept is None:
        raise StorageUnavailable("the key's application is not in the tables; ask again")
    is_decided = kept.status is Status.DECIDED
    return KeyDocument(
        application_id=owner.application_id,
        applicant_id=owner.applicant_id,
        # The decision's own bytes: it must not be the answer to others, first though they came.
        request_hash=kept.request_hash if is_decided else owner.request_hash,
        status=kept.status.value,
        decision=None if kept.decision is None else msgspec.Raw(kept.decision),
        problem=dead_letter(kept) if kept.status is Status.DEAD else None,
    )


def _listed(kept: Kept) -> ListedApplication:
    return ListedApplication(
        application_id=kept.application_id,
        lane=kept.lane.value,
        status=kept.status.value,
        client_id=kept.client_id,
        batch_id=kept.batch_id,
        accepted_at=_rfc3339(kept.accepted_at_ms),
        decided_at=_rfc3339(kept.decided_at_ms),
        dead_at=_rfc3339(kept.dead_at_ms),
        dead_reason=kept.dead_reason,
        decision=None if kept.decision is None else msgspec.Raw(kept.decision),
    )


def _ms(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def _rfc3339(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lag_ms(view: LaneView) -> int | None:
    lag_s = view.freshness.lag_s
    return None if lag_s is None else round(lag_s * 1000)


def _with_lag(response: Response, *views: LaneView) -> Response:
    lags = [_lag_ms(view) for view in views]
    known = [lag for lag in lags if lag is not None]
    # Absent: not known yet, to be taken for endless.
    if len(known) == len(lags):
        response.headers["x-lag-ms"] = str(max(known))
    return response


def _json(document: Any) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")
