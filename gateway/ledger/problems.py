"""From what the ledger has, or has not, to HTTP answers: the only file here that knows HTTP codes."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import Response

from contracts.errors import PROBLEM_CONTENT_TYPE, ProblemDocument, ProblemType
from contracts.events import PendingDocument, encode
from gateway.ledger.errors import Unavailable
from gateway.ledger.reading import Kept
from gateway.ledger.rules import Status

_JSON = "application/json"
_RETRY_AFTER = {"Retry-After": "1"}


def answer_for(kept: Kept) -> Response:
    """200 the decision's own bytes, 202 accepted but not decided, 410 put aside and why."""
    headers = {} if kept.request_hash is None else {"x-request-hash": kept.request_hash}
    if kept.status is Status.DECIDED:
        return Response(kept.decision, 200, headers, _JSON)
    if kept.status is Status.ACCEPTED:
        pending = encode(PendingDocument(application_id=kept.application_id))
        return Response(pending, 202, {**headers, **_RETRY_AFTER}, _JSON)
    return _problem(dead_letter(kept), headers)


def dead_letter(kept: Kept) -> ProblemDocument:
    """Why a dead-lettered application has no decision."""
    return ProblemDocument(
        type=ProblemType.DEAD_LETTERED.value,
        title=f"The application was put aside: {kept.dead_reason}",
        status=410,
        detail=kept.dead_detail or "no detail was recorded",
        application_id=kept.application_id,
    )


def unknown(detail: str) -> Response:
    """404, said only by who has read far enough to know."""
    return _problem(
        ProblemDocument(
            type=ProblemType.UNKNOWN_APPLICATION.value,
            title="There is no such application",
            status=404,
            detail=detail,
        ),
        {},
    )


def install(app: FastAPI) -> None:
    """Answer what may succeed later with 503 and Retry-After."""
    app.add_exception_handler(Unavailable, _unavailable)


def _unavailable(_: Request, error: Exception) -> Response:
    document = ProblemDocument(
        type="about:blank", title="Service Unavailable", status=503, detail=f"{type(error).__name__}: {error}"
    )
    return _problem(document, _RETRY_AFTER)


def _problem(document: ProblemDocument, headers: dict[str, str]) -> Response:
    return Response(encode(document), document.status, headers, PROBLEM_CONTENT_TYPE)
