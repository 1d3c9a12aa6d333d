"""The Python client of the gateway: submit an application, wait for its decision, fetch it by id.

    with ScorestreamClient("http://127.0.0.1:8000") as client:
        decision = client.decide({"SK_ID_CURR": 100002, ...})

A retry sends the same bytes with the same key, so it is the same application, never a second one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from contracts.errors import ProblemDocument
from contracts.events import DecisionDocument, decode_decision

_RETRIED: Final = frozenset({429, 503})
_RETRY_AFTER_MAX_S: Final = 5.0
_problem_decoder = msgspec.json.Decoder(ProblemDocument)


class Refused(Exception):
    """The gateway will not decide this; `problem` says why and names the fields."""

    def __init__(self, problem: ProblemDocument) -> None:
        fields = "; ".join(f"{error.field}: {error.detail}" for error in problem.errors)
        super().__init__(f"{problem.title}: {fields or problem.detail}")
        self.problem = problem


class NotDecidedInTime(Exception):
    """No decision within the client's patience; the application may still be decided."""

    def __init__(self, application_id: str | None, waited_s: float) -> None:
        super().__init__(f"no decision after {waited_s:.1f} s; ask again for {application_id or 'it'}")
        self.application_id = application_id


class ScorestreamClient:
    """A connection to one gateway address. `patience_s` bounds every call, retries included."""

    def __init__(self, base_url: str, *, patience_s: float = 30.0) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=patience_s)
        self._patience_s = patience_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, application: Mapping[str, Any], *, key: str | None = None) -> httpx.Response:
        """The gateway's one answer, whatever it is: no retry, no waiting."""
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return self._http.post("/v1/applications", content=msgspec.json.encode(application), headers=headers)

    def decide(self, application: Mapping[str, Any], *, key: str | None = None) -> DecisionDocument:
        """The decision, retried and waited for.

        Raises Refused when the gateway refuses the application, NotDecidedInTime after `patience_s`.
        """
        key = key or str(uuid.uuid4())
        started = time.monotonic()
        application_id: str | None = None
        while (waited_s := time.monotonic() - started) < self._patience_s:
            try:
                answer = self.submit(application, key=key)
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            application_id = _application_id(answer) or application_id
            if answer.status_code == 202 and application_id is not None:
                return self.wait_for(application_id, patience_s=self._patience_s - waited_s)
            if answer.status_code not in _RETRIED:
                return _decision(answer)
            time.sleep(_retry_after_s(answer))
        raise NotDecidedInTime(application_id, waited_s)

    def get(self, application_id: str) -> DecisionDocument | None:
        """The decision by id; None while it is pending. Raises Refused for 404 and 410."""
        answer = self._http.get(f"/v1/applications/{application_id}")
        return None if answer.status_code == 202 else _decision(answer)

    def wait_for(self, application_id: str, *, patience_s: float) -> DecisionDocument:
        """The decision by id once it is there; NotDecidedInTime after `patience_s`."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if (decision := self.get(application_id)) is not None:
                return decision
            time.sleep(0.05)
        raise NotDecidedInTime(application_id, patience_s)


def _decision(answer: httpx.Response) -> DecisionDocument:
    if answer.status_code == 200:
        return decode_decision(answer.content)
    try:
        problem = _problem_decoder.decode(answer.content)
    except msgspec.MsgspecError:
        answer.raise_for_status()
        raise
    raise Refused(problem)


def _application_id(answer: httpx.Response) -> str | None:
    location: str = answer.headers.get("location", "")
    return location.rpartition("/")[2] or None


def _retry_after_s(answer: httpx.Response) -> float:
    asked = answer.headers.get("retry-after", "1")
    return min(float(asked) if asked.isdigit() else 1.0, _RETRY_AFTER_MAX_S)
