"""Asking the ledger: decisions by id, and what a client's key was used for. `Ledger` is the seam."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

import httpx
import msgspec

from contracts.lanes import Lane
from gateway.errors import LedgerUnavailable
from gateway.pending import Reply

_LAG: Final = "x-lag-ms"
_OWNER_SEPARATOR: Final = "\x1f"
_CONNECTIONS: Final = 100


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What a client used a key for first. `answer` is the recorded one, or None while it is pending."""

    application_id: str
    request_hash: str | None
    answer: Reply | None


class Ledger(Protocol):
    """The decisions of record, by id and by key."""

    async def application(
        self, application_id: str, client_id: str | None, *, lane: Lane = Lane.SYNC
    ) -> Reply | None:
        """The recorded answer (200 or 410) or a 202; None when no application of the client has the id.

        Raises LedgerUnavailable.
        """

    async def key_use(self, client_id: str, key: str, application_id: str) -> KeyUse | None:
        """What the client used the key for, or None; raises LedgerUnavailable when it can't be known now.

        `application_id` is the one that the key stands for with this request's applicant: a ledger that was
        rebuilt when the log had lost the application's own record knows it by its decision alone.
        """


class HttpLedger:
    """Ledger over the ledger process's HTTP interface."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float,
        max_lag_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        # Fewer kept than used would mean a new connection for most look-ups as soon as many come at once.
        kept = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        self._http = httpx.AsyncClient(base_url=base_url, timeout=timeout_s, limits=kept, transport=transport)
        self._max_lag_ms = max_lag_s * 1000

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def application(
        self, application_id: str, client_id: str | None, *, lane: Lane = Lane.SYNC
    ) -> Reply | None:
        """See Ledger."""
        wanted = {"lane": lane.value} if client_id is None else {"lane": lane.value, "client_id": client_id}
        answer = await self._get(f"/v1/applications/{quote(application_id, safe='')}", wanted)
        return None if answer.status_code == 404 else Reply(answer.status_code, answer.content)

    async def key_use(self, client_id: str, key: str, application_id: str) -> KeyUse | None:
        """See Ledger."""
        wanted = {"client_id": client_id, "application_id": application_id}
        answer = await self._get(f"/v1/keys/{key_hash(client_id, key)}", wanted)
        if float(answer.headers.get(_LAG, "inf")) > self._max_lag_ms:
            raise LedgerUnavailable("the ledger is behind the log; a key can't be looked up now")
        if answer.status_code == 404:
            return None
        found = msgspec.json.decode(answer.content, type=_KeyDocument)
        return KeyUse(found.application_id, found.request_hash, found.answer())

    async def _get(self, path: str, params: dict[str, str]) -> httpx.Response:
        try:
            answer = await self._http.get(path, params=params)
        except httpx.HTTPError as error:
            raise LedgerUnavailable(f"the ledger does not answer ({type(error).__name__})") from error
        if answer.status_code not in {200, 202, 404, 410}:
            raise LedgerUnavailable(f"the ledger can't say now ({answer.status_code})")
        return answer


def key_hash(client_id: str, key: str) -> str:
    """How a client's key is named in headers and in the ledger: the key itself is written nowhere."""
    return hashlib.sha256(f"{client_id}{_OWNER_SEPARATOR}{key}".encode()).hexdigest()


_NULL: Final = msgspec.Raw(b"null")


class _KeyDocument(msgspec.Struct):
    application_id: str
    request_hash: str | None
    # Not `Raw | None`: msgspec knows Raw by itself only, and takes that union for null alone.
    decision: msgspec.Raw = _NULL
    problem: Any = None

    def answer(self) -> Reply | None:
        if bytes(self.decision) != bytes(_NULL):
            return Reply(200, bytes(self.decision))
        return None if self.problem is None else Reply(410, msgspec.json.encode(self.problem))
