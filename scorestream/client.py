"""The Python client: submit an application, wait for its decision, fetch it by id; send many as a batch.

    with ScorestreamClient("http://127.0.0.1:8000") as client:
        decision = client.decide({"SK_ID_CURR": 100002, ...})      # submit and wait in one

        submitted = client.submit({"SK_ID_CURR": 100002, ...})     # accepted, maybe decided already
        decision = submitted.decision or client.wait(submitted.application_id)

    async with AsyncScorestreamClient("http://127.0.0.1:8000") as client:
        decisions = await asyncio.gather(*(client.decide(one) for one in applications))

    async with BatchProducer(client_id="bank") as batch:           # the batch lane, straight to Kafka
        application_ids = await batch.send(applications)

A retry sends the same bytes with the same key, so it is the same application, never a second one.
For files of applications there is `scorestream score-batch`, which collects the decisions too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from contracts.events import DecisionDocument
from scorestream.answers import (
    ClientError,
    NotDecidedInTime,
    Patience,
    Refused,
    Submission,
    Submitted,
    access_headers,
    decision_in,
    outcome,
    refused_unless_taken,
    submission_headers,
)
from scorestream.batch.producer import BatchProducer, produce_batch

__all__ = [
    "AsyncScorestreamClient",
    "BatchProducer",
    "ClientError",
    "NotDecidedInTime",
    "Refused",
    "ScorestreamClient",
    "Submitted",
    "produce_batch",
]

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
        Longest time that a call takes, retries included.
    transport
        httpx's way to the gateway, where a proxy or certificates of your own are needed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        patience_s: float = _DEFAULT_PATIENCE_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=base_url, timeout=patience_s, headers=access_headers(api_key), transport=transport
        )
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

    def submit(self, application: Mapping[str, Any], *, key: str | None = None) -> Submitted:
        """The application once the gateway has accepted it, with the decision if it came in time.

        Raises Refused when the gateway refuses it, NotDecidedInTime when none accepts it in `patience_s`.
        """
        return self._submitted(Submission(application, self._patience_s, key))

    def decide(self, application: Mapping[str, Any], *, key: str | None = None) -> DecisionDocument:
        """The decision, retried and waited for.

        Raises Refused when the gateway refuses the application, NotDecidedInTime after `patience_s`.
        """
        submission = Submission(application, self._patience_s, key)
        while True:
            # Asked by its key and bytes, an application is found at any gateway, with and without a ledger.
            if (decision := self._submitted(submission).decision) is not None:
                return decision

    def wait(self, application_id: str) -> DecisionDocument:
        """The decision of an application that was accepted.

        Raises Refused for 404 and 410, NotDecidedInTime after `patience_s`.
        """
        patience = Patience(self._patience_s, application_id=application_id)
        while True:
            patience.require()
            time.sleep(patience.pause_s)
            try:
                answer = self._get(application_id)
            except httpx.TransportError:
                patience.lost()
                continue
            if patience.is_heard(answer) and (decision := decision_in(answer)) is not None:
                return decision

    def get(self, application_id: str) -> DecisionDocument | None:
        """The decision by id, asked for once; None while it is pending. Raises Refused for any problem."""
        return decision_in(self._get(application_id))

    def observe(self, application_id: str, *, defaulted: bool, observed_at: str) -> None:
        """Say what became of a loan, at `observed_at` (RFC 3339). Raises Refused."""
        refused_unless_taken(
            self._http.post("/v1/outcomes", json=outcome(application_id, defaulted, observed_at))
        )

    def _submitted(self, submission: Submission) -> Submitted:
        while True:
            submission.patience.require()
            time.sleep(submission.patience.pause_s)
            try:
                accepted = submission.accepted(self._post(submission.body, submission.key))
            except httpx.TransportError:
                submission.patience.lost()
                continue
            if accepted is not None:
                return accepted

    def _get(self, application_id: str) -> httpx.Response:
        return self._http.get(f"/v1/applications/{application_id}")

    def _post(self, body: bytes, key: str) -> httpx.Response:
        return self._http.post("/v1/applications", content=body, headers=submission_headers(key))


class AsyncScorestreamClient:
    """The same for asyncio; one client serves any number of tasks."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        patience_s: float = _DEFAULT_PATIENCE_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=patience_s, headers=access_headers(api_key), transport=transport
        )
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

    async def submit(self, application: Mapping[str, Any], *, key: str | None = None) -> Submitted:
        """See ScorestreamClient.submit."""
        return await self._submitted(Submission(application, self._patience_s, key))

    async def decide(self, application: Mapping[str, Any], *, key: str | None = None) -> DecisionDocument:
        """See ScorestreamClient.decide."""
        submission = Submission(application, self._patience_s, key)
        while True:
            if (decision := (await self._submitted(submission)).decision) is not None:
                return decision

    async def wait(self, application_id: str) -> DecisionDocument:
        """See ScorestreamClient.wait."""
        patience = Patience(self._patience_s, application_id=application_id)
        while True:
            patience.require()
            await asyncio.sleep(patience.pause_s)
            try:
                answer = await self._get(application_id)
            except httpx.TransportError:
                patience.lost()
                continue
            if patience.is_heard(answer) and (decision := decision_in(answer)) is not None:
                return decision

    async def get(self, application_id: str) -> DecisionDocument | None:
        """See ScorestreamClient.get."""
        return decision_in(await self._get(application_id))

    async def observe(self, application_id: str, *, defaulted: bool, observed_at: str) -> None:
        """See ScorestreamClient.observe."""
        body = outcome(application_id, defaulted, observed_at)
        refused_unless_taken(await self._http.post("/v1/outcomes", json=body))

    async def _submitted(self, submission: Submission) -> Submitted:
        while True:
            submission.patience.require()
            await asyncio.sleep(submission.patience.pause_s)
            try:
                accepted = submission.accepted(await self._post(submission.body, submission.key))
            except httpx.TransportError:
                submission.patience.lost()
                continue
            if accepted is not None:
                return accepted

    async def _get(self, application_id: str) -> httpx.Response:
        return await self._http.get(f"/v1/applications/{application_id}")

    async def _post(self, body: bytes, key: str) -> httpx.Response:
        return await self._http.post("/v1/applications", content=body, headers=submission_headers(key))
