"""What a gateway's answer means to a client: pure, shared by the sync and the async client."""

from __future__ import annotations

import random
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
#: Of the pause that a gateway asks for.
_LONGEST_TIMES: Final = 8.0
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


@dataclass(frozen=True, slots=True)
class Submitted:
    """An application that the gateway has accepted: it will be decided, whatever happens to the caller.

    `key` is what it was sent with; sending it again with the same bytes is the same application.
    `decision` is None while there is none: wait for it by `application_id`.
    """

    application_id: str
    key: str
    decision: DecisionDocument | None


@dataclass(slots=True)
class Patience:
    """How long a call goes on, and how long until its next try."""

    longest_s: float
    key: str | None = None
    application_id: str | None = None
    pause_s: float = 0.0
    turned_away: int = 0
    _started: float = field(default_factory=time.monotonic)

    def require(self) -> None:
        """Raise NotDecidedInTime once the next try would be too late."""
        waited_s = time.monotonic() - self._started
        if waited_s + self.pause_s > self.longest_s:
            raise NotDecidedInTime(self.application_id, self.key, waited_s)

    def lost(self) -> None:
        """The connection broke: nobody knows whether the request landed."""
        self.pause_s = _AFTER_A_LOST_CONNECTION_S

    def is_heard(self, answer: httpx.Response) -> bool:
        """Whether the answer is one; False when the same request is due again after `pause_s`."""
        self.application_id = application_id_of(answer) or self.application_id
        is_heard = answer.status_code not in _RETRIED
        if is_heard:
            self.turned_away, self.pause_s = 0, _BETWEEN_LOOKS_S
        else:
            # Longer each time and at random: who has too much to do must not get it all again at once.
            self.turned_away += 1
            longest = min(2.0**self.turned_away, _LONGEST_TIMES)
            self.pause_s = _retry_after_s(answer) * random.uniform(1.0, longest)  # noqa: S311 - no secret
        return is_heard


class Submission:
    """One application on its way: its bytes and key are the same over all tries, so it is one application."""

    def __init__(self, application: Mapping[str, Any], patience_s: float, key: str | None) -> None:
        self.key = key or str(uuid.uuid4())
        self.body = msgspec.json.encode(application)
        self.patience = Patience(patience_s, self.key)

    def accepted(self, answer: httpx.Response) -> Submitted | None:
        """What was accepted, or None when another try is due. Raises Refused for what no try mends."""
        if not self.patience.is_heard(answer):
            return None
        decision = decision_in(answer)
        return Submitted(self.patience.application_id or "", self.key, decision)


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


def submission_headers(key: str) -> dict[str, str]:
    """Request headers of a submission."""
    return {"Content-Type": "application/json", "Idempotency-Key": key}


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
