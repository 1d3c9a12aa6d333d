"""The Python client of the gateway: submit an application, wait for its decision, fetch it by id.

    with ScorestreamClient("http://127.0.0.1:8000") as client:
        decision = client.decide({"SK_ID_CURR": 100002, ...})

    async with AsyncScorestreamClient("http://127.0.0.1:8000") as client:
        decisions = await asyncio.gather(*(client.decide(one) for one in applications))

A retry sends the same bytes with the same key, so it is the same application, never a second one.
For files of applications there is the batch lane: `scorestream score-batch`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from contracts.events import DecisionDocument
from scorestream.answers import (
    Attempts,
    ClientError,
    NotDecidedInTime,
    Refused,
    access_headers,
    decision_in,
    outcome,
    refused_unless_taken,
    submission_headers,
)

__all__ = ["AsyncScorestreamClient", "ClientError", "NotDecidedInTime", "Refused", "ScorestreamClient"]

_DEFAULT_PATIENCE_S = 30.0


class ScorestreamClient:
    """Connections to one gateway address, for one thread.

    Parameters
    ----------
    base_url
        `http://host:port` of the gateway.
    api_key
        Sent with every request; None where keys are off.
    patience_s
        Longest time that `decide` and `wait` take, retries included.
    """

    def __init__(
        self, base_url: str, *, api_key: str | None = None, patience_s: float = _DEFAULT_PATIENCE_S
    ) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=patience_s, headers=access_headers(api_key))
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
        return self._post(msgspec.json.encode(application), key)

    def decide(self, application: Mapping[str, Any], *, key: str | None = None) -> DecisionDocument:
        """The decision, retried and waited for.

        Raises Refused when the gateway refuses the application, NotDecidedInTime after `patience_s`.
        """
        attempts = Attempts(application, self._patience_s, key or "")
        while True:
            attempts.require_patience()
            time.sleep(attempts.pause_s)
            try:
                decision = attempts.taken(self._post(attempts.body, attempts.key))
            except httpx.TransportError:
                attempts.lost()
                continue
            if decision is not None:
                return decision

    def get(self, application_id: str) -> DecisionDocument | None:
        """The decision by id; None while it is pending. Raises Refused for 404 and 410."""
        return decision_in(self._http.get(f"/v1/applications/{application_id}"))

    def observe(self, application_id: str, *, defaulted: bool, observed_at: str) -> None:
        """Say what became of a loan, at `observed_at` (RFC 3339). Raises Refused."""
        refused_unless_taken(
            self._http.post("/v1/outcomes", json=outcome(application_id, defaulted, observed_at))
        )

    def _post(self, body: bytes, key: str | None) -> httpx.Response:
        return self._http.post("/v1/applications", content=body, headers=submission_headers(key))


class AsyncScorestreamClient:
    """The same for asyncio; one client serves any number of tasks."""

    def __init__(
        self, base_url: str, *, api_key: str | None = None, patience_s: float = _DEFAULT_PATIENCE_S
    ) -> None:
        self._http = httpx.AsyncClient(base_url=base_url, timeout=patience_s, headers=access_headers(api_key))
        self._patience_s = patience_s

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(self, application: Mapping[str, Any], *, key: str | None = None) -> httpx.Response:
        """See ScorestreamClient.submit."""
        return await self._post(msgspec.json.encode(application), key)

    async def decide(self, application: Mapping[str, Any], *, key: str | None = None) -> DecisionDocument:
        """See ScorestreamClient.decide."""
        attempts = Attempts(application, self._patience_s, key or "")
        while True:
            attempts.require_patience()
            await asyncio.sleep(attempts.pause_s)
            try:
                decision = attempts.taken(await self._post(attempts.body, attempts.key))
            except httpx.TransportError:
                attempts.lost()
                continue
            if decision is not None:
                return decision

    async def get(self, application_id: str) -> DecisionDocument | None:
        """See ScorestreamClient.get."""
        return decision_in(await self._http.get(f"/v1/applications/{application_id}"))

    async def observe(self, application_id: str, *, defaulted: bool, observed_at: str) -> None:
        """See ScorestreamClient.observe."""
        body = outcome(application_id, defaulted, observed_at)
        refused_unless_taken(await self._http.post("/v1/outcomes", json=body))

    async def _post(self, body: bytes, key: str | None) -> httpx.Response:
        return await self._http.post("/v1/applications", content=body, headers=submission_headers(key))
