"""The HTTP interface: what each call takes and answers. The work is in `gateway.submissions`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from contracts.errors import PROBLEM_CONTENT_TYPE
from contracts.events import PendingDocument, encode, model_document
from contracts.keys import Scope
from contracts.lanes import Lane
from gateway.access import Client
from gateway.errors import (
    InvalidHeader,
    LedgerUnavailable,
    NoModelPromoted,
    NotAccepted,
    NotJson,
    TooLarge,
    UnknownApplication,
)
from gateway.openapi import (
    DECISION_RESPONSES,
    LOOK_UP_RESPONSES,
    MODEL_RESPONSES,
    OUTCOME_BODY,
    OUTCOME_RESPONSES,
    SUBMISSION_BODY,
)
from gateway.parts import Parts
from gateway.pending import Reply, State
from gateway.problems import answer_to
from gateway.submissions import Caller

router = APIRouter()


APPLICATIONS_PATH: Final = "/v1/applications"
_JSON: Final = "application/json"
#: What is read and thrown away of a body that is too long, so that its sender hears the answer.
_MOST_DISCARDED_BYTES: Final = 64 * 1024 * 1024
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


async def submit_application(request: Request) -> Response:
    """200 with the decision if it is there within the deadline, else 202 and where to fetch it."""
    parts: Parts = request.app.state.parts
    with parts.access.admitted(request.headers.get("authorization"), Scope.SCORE) as client:
        caller = _caller(request, client)
        if not _is_json(request.headers.get("content-type", "")):
            raise NotJson("send the application with Content-Type: application/json")
        body = await _body(request, parts.settings.max_body_bytes)
        answer = await parts.submissions.submit(body, caller)
    if answer.reply is None:
        return _pending(answer.application_id)
    return _document(answer.reply, answer.application_id)


router.add_api_route(
    APPLICATIONS_PATH,
    submit_application,
    methods=["POST"],
    summary="Submit an application and get its decision",
    responses=DECISION_RESPONSES,
    openapi_extra=SUBMISSION_BODY,
)


@router.get("/v1/applications/{application_id}", summary="Fetch a decision", responses=LOOK_UP_RESPONSES)
async def get_application(application_id: str, request: Request) -> Response:
    """200 the decision, 202 not decided yet, 410 put aside with the reason, 404 unknown."""
    parts: Parts = request.app.state.parts
    with parts.access.admitted(request.headers.get("authorization"), Scope.READ) as client:
        owner = None if client.may_read_all else client.client_id
        reply = await _recorded(parts, application_id, owner)
    if reply.status == 202:
        return _pending(application_id)
    return _document(reply, application_id)


@router.post(
    "/v1/outcomes",
    status_code=202,
    summary="Say what became of a loan",
    responses=OUTCOME_RESPONSES,
    openapi_extra=OUTCOME_BODY,
)
async def submit_outcome(request: Request) -> Response:
    """202 once the log has it. Several of one application are fine: the performance window decides."""
    parts: Parts = request.app.state.parts
    with parts.access.admitted(request.headers.get("authorization"), Scope.OUTCOMES) as client:
        if not _is_json(request.headers.get("content-type", "")):
            raise NotJson("send the outcome with Content-Type: application/json")
        observed = await parts.outcomes.take(await _body(request, parts.settings.max_body_bytes), client)
    parts.metrics.outcomes.inc()
    return Response(encode(observed), 202, media_type=_JSON)


@router.get("/v1/model", summary="The model that decides now", responses=MODEL_RESPONSES)
async def get_model(request: Request) -> Response:
    """The version that was promoted last, with its metrics, cut-offs and feature snapshot."""
    parts: Parts = request.app.state.parts
    with parts.access.admitted(request.headers.get("authorization"), Scope.READ):
        newest = parts.model.newest
    if newest is None:
        raise NoModelPromoted(
            f"no version of {parts.settings.model_name} was promoted yet; promote one: scorestream promote"
        )
    return Response(encode(model_document(newest, parts.snapshot.newest)), media_type=_JSON)


@router.get("/healthz", summary="Alive", include_in_schema=False)
async def healthz(request: Request, response: Response) -> dict[str, str]:
    """200 while the process answers and works; 503 when only a restart mends it."""
    is_broken = request.app.state.parts.is_broken
    response.status_code = 503 if is_broken else 200
    return {"status": "failing" if is_broken else "ok"}


@router.get("/readyz", summary="Ready", include_in_schema=False)
async def readyz(request: Request, response: Response) -> dict[str, Any]:
    """200 while the reply partition is assigned, the broker answers and no drain is under way."""
    parts: Parts = request.app.state.parts
    wrong = parts.not_ready()
    response.status_code = 503 if wrong else 200
    return {"status": "failing" if wrong else "ok", "wrong": wrong, "instance": parts.settings.instance}


@router.get("/metrics", summary="Prometheus metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """The process's metrics in Prometheus' text format."""
    parts: Parts = request.app.state.parts
    content, content_type = parts.exposition()
    return Response(content, headers={"Content-Type": content_type})


def is_submission(scope: Any) -> bool:
    """Whether an ASGI connection is the call that matters most."""
    return bool(scope["type"] == "http" and scope["path"] == APPLICATIONS_PATH and scope["method"] == "POST")


async def answer_submission(scope: Any, receive: Any, send: Any) -> None:
    """Serve POST /v1/applications without FastAPI, counted and timed, whoever makes the answer."""
    started = time.perf_counter()
    request = Request(scope, receive)
    try:
        response = await submit_application(request)
    except Exception as error:
        response = await answer_to(request, error)
    parts: Parts = request.app.state.parts
    answering = parts.metrics.answering.labels(str(response.status_code))
    answering.observe(time.perf_counter() - started)
    await response(scope, receive, send)


async def _recorded(parts: Parts, application_id: str, client_id: str | None) -> Reply:
    """The recorded answer, or a 202: from this process if it knows the decision, else from the ledger.

    What was put aside may be decided since: what this process remembers of that stands until the ledger
    knows better.
    """
    submission = parts.pending.find(application_id, client_id)
    remembered = None if submission is None else submission.reply
    if submission is not None and remembered is not None and submission.is_decided:
        return remembered
    lanes = tuple(Lane) if submission is None else (Lane.SYNC,)
    found = await _in_the_ledger(parts, application_id, client_id, lanes, is_needed=remembered is None)
    if found is not None and (remembered is None or found.status != 202):
        return found
    if remembered is not None:
        return remembered
    if submission is None:
        raise UnknownApplication("no application of yours has this id; ask with the id from the answer")
    if submission.state is State.SENT:
        raise NotAccepted(application_id)
    return Reply(202, b"")


async def _in_the_ledger(
    parts: Parts, application_id: str, client_id: str | None, lanes: Iterable[Lane], *, is_needed: bool
) -> Reply | None:
    """What the ledger has in the first of `lanes`. Raises LedgerUnavailable when its answer `is_needed`."""
    if parts.ledger is None:
        return None
    try:
        for lane in lanes:
            found = await parts.ledger.application(application_id, client_id, lane=lane)
            if found is not None:
                return found
    except LedgerUnavailable:
        if is_needed:
            raise
    return None


def _caller(request: Request, client: Client) -> Caller:
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidHeader("Idempotency-Key must be 1 to 255 printable ASCII characters")
    trace = request.headers.get("traceparent", "")
    is_trace = _TRACEPARENT.fullmatch(trace) is not None
    return Caller(client.client_id, key, trace.encode() if is_trace else None)


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == _JSON or (media_type.startswith("application/") and media_type.endswith("+json"))


async def _body(request: Request, max_bytes: int) -> bytes:
    """The request's body; TooLarge when it is longer than `max_bytes`, which are all that is kept."""
    chunks: list[bytes] = []
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= max_bytes:
            chunks.append(chunk)
        elif length > _MOST_DISCARDED_BYTES:
            break
    if length > max_bytes:
        raise TooLarge(f"the body may have at most {max_bytes} bytes")
    return b"".join(chunks)


def _pending(application_id: str) -> Response:
    location = f"/v1/applications/{application_id}"
    return Response(
        encode(PendingDocument(application_id=application_id)),
        202,
        headers={"Location": location, "Retry-After": "1"},
        media_type=_JSON,
    )


def _document(reply: Reply, application_id: str) -> Response:
    is_decision = reply.status == 200
    return Response(
        reply.document,
        reply.status,
        headers={"Location": f"/v1/applications/{application_id}"},
        media_type=_JSON if is_decision else PROBLEM_CONTENT_TYPE,
    )
