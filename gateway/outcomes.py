"""One outcome from its bytes to the log: check, find its application in the ledger, write. Knows no HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from contracts import headers
from contracts.events import OutcomeObserved, encode
from contracts.outcome import SubmittedOutcome, decode_submitted_outcome
from contracts.topics import OUTCOMES, Topic
from gateway.access import Client
from gateway.errors import LedgerUnavailable, NotAccepted, NotDecided, UnknownApplication
from gateway.ledger_client import Ledger
from gateway.log import LoggedSubmission

#: Nobody waits for an outcome as for a decision; the broker gets its time.
_ACKNOWLEDGED_WITHIN_S: Final = 5.0


class OutcomeLog(Protocol):
    """Where outcomes are written."""

    async def write(self, topic: Topic, submission: LoggedSubmission) -> asyncio.Future[Any]:
        """Hand over; the future is done when the log has it for good, or says why not."""


class Outcomes:
    """Takes outcomes of applications that the ledger knows as decided."""

    def __init__(
        self, log: OutcomeLog, ledger: Ledger | None, *, acknowledged_within_s: float = _ACKNOWLEDGED_WITHIN_S
    ) -> None:
        self._log = log
        self._ledger = ledger
        self._within_s = acknowledged_within_s

    async def take(self, body: bytes, client: Client) -> OutcomeObserved:
        """The outcome, once the log has it.

        Raises InvalidOutcome, UnknownApplication, NotDecided, LedgerUnavailable, Starting or NotAccepted.
        """
        outcome = decode_submitted_outcome(body, now=datetime.now(UTC))
        observed = OutcomeObserved(
            application_id=outcome.application_id,
            applicant_id=await self._applicant(outcome, client),
            lane=outcome.lane.value,
            defaulted=outcome.defaulted,
            observed_at=outcome.observed_at.isoformat().replace("+00:00", "Z"),
        )
        await self._write(observed, client)
        return observed

    async def _applicant(self, outcome: SubmittedOutcome, client: Client) -> int:
        if self._ledger is None:
            raise LedgerUnavailable("outcomes need the ledger; set LEDGER_URL")
        owner = None if client.may_read_all else client.client_id
        found = await self._ledger.application(outcome.application_id, owner, lane=outcome.lane)
        if found is None:
            raise UnknownApplication(
                f"no application of yours in the {outcome.lane.value} lane has this id; send the decision's"
            )
        if found.status != 200:
            raise NotDecided(outcome.application_id)
        return msgspec.json.decode(found.document, type=_Decided).applicant_id

    async def _write(self, observed: OutcomeObserved, client: Client) -> None:
        written = LoggedSubmission(
            str(observed.applicant_id).encode(),
            encode(observed),
            [
                (headers.APPLICATION_ID, observed.application_id.encode()),
                (headers.CLIENT_ID, client.client_id.encode()),
                (headers.SCHEMA_VERSION, headers.SCHEMA_VERSION_1),
            ],
        )
        acknowledged = await self._log.write(OUTCOMES, written)
        try:
            # Shielded: the future is the producer's. A record that lands late does no harm.
            await asyncio.wait_for(asyncio.shield(acknowledged), self._within_s)
        except Exception as error:
            raise NotAccepted(observed.application_id) from error


class _Decided(msgspec.Struct):
    applicant_id: int
