"""What can be wrong with an application, in the words that callers and operators see.

    ProblemType        over HTTP and in error replies: RFC 9457 problem documents
    DeadLetterReason   in the header `reason` of the dead-letter topic

Both are closed lists: a dashboard or a client may switch on them.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contracts.problems import FieldProblem

PROBLEM_CONTENT_TYPE = "application/problem+json"


class ProblemType(StrEnum):
    """Kinds of problem; the value is the document's `type`, a URN that never changes."""

    INVALID_APPLICATION = "urn:scorestream:problem:invalid-application"
    INVALID_OUTCOME = "urn:scorestream:problem:invalid-outcome"
    TOO_LARGE = "urn:scorestream:problem:too-large"
    NOT_JSON = "urn:scorestream:problem:not-json"
    INVALID_HEADER = "urn:scorestream:problem:invalid-header"
    UNAUTHENTICATED = "urn:scorestream:problem:unauthenticated"
    FORBIDDEN = "urn:scorestream:problem:forbidden"
    TOO_MANY_REQUESTS = "urn:scorestream:problem:too-many-requests"
    LEDGER_UNAVAILABLE = "urn:scorestream:problem:ledger-unavailable"
    TOO_MANY_IN_FLIGHT = "urn:scorestream:problem:too-many-in-flight"
    NOT_ACCEPTED = "urn:scorestream:problem:not-accepted"
    DRAINING = "urn:scorestream:problem:draining"
    IDEMPOTENCY_CONFLICT = "urn:scorestream:problem:idempotency-conflict"
    UNKNOWN_APPLICATION = "urn:scorestream:problem:unknown-application"
    NOT_DECIDED = "urn:scorestream:problem:not-decided"
    DEAD_LETTERED = "urn:scorestream:problem:dead-lettered"
    NO_MODEL = "urn:scorestream:problem:no-model"
    NOT_HTTP = "urn:scorestream:problem:not-http"
    NOT_FOUND = "urn:scorestream:problem:not-found"
    INTERNAL = "urn:scorestream:problem:internal"


class DeadLetterReason(StrEnum):
    """Why an input record was put aside instead of decided."""

    UNDECODABLE = "UNDECODABLE"
    INVALID = "INVALID"
    TOO_LARGE = "TOO_LARGE"
    NO_KEY = "NO_KEY"
    MALFORMED_HEADER = "MALFORMED_HEADER"
    REPLY_TOPIC_NOT_ALLOWED = "REPLY_TOPIC_NOT_ALLOWED"
    SCORING_FAILED = "SCORING_FAILED"
    SCORING_KILLED = "SCORING_KILLED"


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem document, with the fields of an application that are wrong in `errors`."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()
    application_id: str | None = None
