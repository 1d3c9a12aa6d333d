"""From an error to its HTTP answer: the only file that knows HTTP codes of failures (RFC 9457)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from contracts.errors import PROBLEM_CONTENT_TYPE, ProblemDocument, ProblemType
from contracts.events import encode
from contracts.problems import FieldProblem, InvalidApplication, InvalidOutcome
from gateway import errors

log = structlog.get_logger()

_RETRY_AFTER_S = "1"

_KINDS: dict[type[Exception], tuple[int, ProblemType, str]] = {
    errors.TooLarge: (413, ProblemType.TOO_LARGE, "The application is too large"),
    errors.NotJson: (415, ProblemType.NOT_JSON, "The body must be JSON"),
    errors.InvalidHeader: (422, ProblemType.INVALID_HEADER, "A request header is invalid"),
    errors.Unauthenticated: (401, ProblemType.UNAUTHENTICATED, "An API key is needed"),
    errors.Forbidden: (403, ProblemType.FORBIDDEN, "The API key does not allow this"),
    errors.TooManyRequests: (429, ProblemType.TOO_MANY_REQUESTS, "Too many requests with this key"),
    errors.LedgerUnavailable: (503, ProblemType.LEDGER_UNAVAILABLE, "The ledger can't say now"),
    errors.IdempotencyConflict: (409, ProblemType.IDEMPOTENCY_CONFLICT, "The key belongs to another body"),
    errors.UnknownApplication: (404, ProblemType.UNKNOWN_APPLICATION, "There is no such application"),
    errors.NotDecided: (409, ProblemType.NOT_DECIDED, "The application is not decided"),
    errors.NoModelPromoted: (404, ProblemType.NO_MODEL, "No model decides yet"),
    errors.TooManyInFlight: (429, ProblemType.TOO_MANY_IN_FLIGHT, "Too many requests wait"),
    errors.NotAccepted: (503, ProblemType.NOT_ACCEPTED, "The application was not acknowledged"),
    errors.Starting: (503, ProblemType.NOT_ACCEPTED, "The gateway is not connected"),
}


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def answer_to(request: Request, error: Exception) -> Response:
    """The answer to `request`, whose endpoint raised `error`."""
    for kind in type(error).__mro__:
        if (handler := _HANDLERS.get(kind)) is not None:
            return await handler(request, error)
    raise error


def problem(document: ProblemDocument, headers: dict[str, str] | None = None) -> Response:
    """`document` as an HTTP answer."""
    return Response(encode(document), document.status, media_type=PROBLEM_CONTENT_TYPE, headers=headers or {})


async def _invalid_application(_: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidApplication)  # noqa: S101 - how the handler is registered
    return _invalid(ProblemType.INVALID_APPLICATION, "The application is invalid", error.problems)


async def _invalid_outcome(_: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidOutcome)  # noqa: S101 - how the handler is registered
    return _invalid(ProblemType.INVALID_OUTCOME, "The outcome is invalid", error.problems)


def _invalid(kind: ProblemType, title: str, problems: tuple[FieldProblem, ...]) -> Response:
    count = len(problems)
    return problem(
        ProblemDocument(
            type=kind.value,
            title=title,
            status=422,
            detail=f"{count} problem{'' if count == 1 else 's'}; each is named in errors with its mend",
            errors=problems,
        )
    )


async def _gateway_error(_: Request, error: Exception) -> Response:
    status, kind, title = _KINDS[type(error)]
    application_id = getattr(error, "application_id", None)
    headers = {"Retry-After": _RETRY_AFTER_S} if isinstance(error, errors.Unavailable) else {}
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if application_id is not None:
        headers["Location"] = f"/v1/applications/{application_id}"
    document = ProblemDocument(
        type=kind.value, title=title, status=status, detail=str(error), application_id=application_id
    )
    return problem(document, headers)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - how the handler is registered
    document = ProblemDocument(
        type=ProblemType.NOT_FOUND.value if error.status_code == 404 else "about:blank",
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail="see /docs for what this server answers",
    )
    return problem(document, dict(error.headers or {}))


async def _gone(_: Request, __: Exception) -> Response:
    """Nobody hears it; it only keeps a client that left from being counted as our failure."""
    return Response(status_code=400)


async def _unexpected(_: Request, error: Exception) -> Response:
    log.exception("unexpected error", exc_info=error)
    return problem(
        ProblemDocument(
            type=ProblemType.INTERNAL.value,
            title="Internal error",
            status=500,
            detail="the gateway's log has it",
        )
    )


# Coroutines: others would go through a pool of threads, and most answers of a gateway that has too much to do
# are errors.
_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    InvalidApplication: _invalid_application,
    InvalidOutcome: _invalid_outcome,
    errors.GatewayError: _gateway_error,
    HTTPException: _http_error,
    ClientDisconnect: _gone,
    Exception: _unexpected,
}
