"""What a gateway's answer means to a client: pure, shared by the sync and the async client."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import msgspec

from contracts.errors import ProblemDocument
from contracts.events import DecisionDocument, decode_decision

_RETRIED: Final = frozenset({429, 503})
_RETRY_AFTER_MAX_S: Final = 5.0
_AFTER_A_LOST_CONNECTION_S: Final = 0.2
_BETWEEN_LOOKS_S: Final = 0.05
_problem_decoder = msgspec.json.Decoder(ProblemDocument)


class ClientError(Exception):
    """Anything that keeps a client from a decision.

    ClientError
    ├── Refused           the gateway will not decide this: never retried
    └── NotDecidedInTime  no decision yet: the same call with the same key may be repeated
    """


class Refused(ClientError):
    """The gateway will not decide this; `problem` says why and names the fields."""

    def __init__(self, problem: ProblemDocument) -> None:
        fields = "; ".join(f"{error.field}: {error.detail}" for error in problem.errors)
        super().__init__(f"{problem.title}: {fields or problem.detail}")
        self.problem = problem


class NotDecidedInTime(ClientError):
    """No decision within the client's patience; the application may still be decided.

    Repeat the call with `key`: it is the same application. `application_id` is None when no gateway
    has said that it knows it.
    """

    def __init__(self, application_id: str | None, key: str | None, waited_s: float) -> None:
        named = application_id or "the application"
        super().__init__(f"no decision of {named} after {waited_s:.1f} s; repeat with the key {key}")
        self.application_id = application_id
        self.key = key


@dataclass(slots=True)
class Attempts:
    """One application on its way to a decision: what to send next, and when to give up.

    The bytes and the key stay the same over all attempts, so whatever arrives is one application.
    """

    application: Mapping[str, Any]
    patience_s: float
    key: str = ""
    application_id: str | None = None
    pause_s: float = 0.0
    body: bytes = b""
    _started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.key = self.key or str(uuid.uuid4())
        self.body = msgspec.json.encode(self.application)

    def require_patience(self) -> None:
        """Raise NotDecidedInTime once the time is over."""
        waited_s = time.monotonic() - self._started
        if waited_s + self.pause_s > self.patience_s:
            raise NotDecidedInTime(self.application_id, self.key, waited_s)

    def lost(self) -> None:
        """The connection broke: nobody knows whether the application landed."""
        self.pause_s = _AFTER_A_LOST_CONNECTION_S

    def taken(self, answer: httpx.Response) -> DecisionDocument | None:
        """The decision, or None when another look or another try is due after `pause_s`.

        Raises Refused for what no retry mends.
        """
        self.application_id = application_id_of(answer) or self.application_id
        if answer.status_code in _RETRIED:
            self.pause_s = _retry_after_s(answer)
            return None
        self.pause_s = _BETWEEN_LOOKS_S
        return decision_in(answer)


def decision_in(answer: httpx.Response) -> DecisionDocument | None:
    """The decision that `answer` carries, None for 202; raises Refused for a problem document."""
    if answer.status_code == 200:
        return decode_decision(answer.content)
    if answer.status_code == 202:
        return None
    try:
        problem = _problem_decoder.decode(answer.content)
    except msgspec.MsgspecError:
        problem = ProblemDocument(
            type="about:blank",
            title="The answer is not a gateway's",
            status=answer.status_code,
            detail=f"{answer.request.url} answered {answer.status_code}; is it the gateway's address?",
        )
    raise Refused(problem)


def application_id_of(answer: httpx.Response) -> str | None:
    """The application id that the answer's Location names, or None."""
    location: str = answer.headers.get("location", "")
    return location.rpartition("/")[2] or None


def submission_headers(key: str | None) -> dict[str, str]:
    """Request headers of a submission."""
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    return headers


def access_headers(api_key: str | None) -> dict[str, str]:
    """Request headers that say who asks."""
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def _retry_after_s(answer: httpx.Response) -> float:
    asked = answer.headers.get("retry-after", "1")
    return min(float(asked) if asked.isdigit() else 1.0, _RETRY_AFTER_MAX_S)


def outcome(application_id: str, defaulted: bool, observed_at: str) -> dict[str, Any]:
    """The body of POST /v1/outcomes."""
    return {"application_id": application_id, "defaulted": defaulted, "observed_at": observed_at}


def refused_unless_taken(answer: httpx.Response) -> None:
    """Return for a 202; Refused otherwise, also where trying again would help: its problem says so."""
    if answer.status_code != 202:
        raise Refused(_problem_decoder.decode(answer.content))
