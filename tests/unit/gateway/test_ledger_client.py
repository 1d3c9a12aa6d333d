"""What the gateway makes of a ledger's answers about a key."""

from __future__ import annotations

import json

import httpx
import pytest

from gateway.errors import LedgerUnavailable
from gateway.ledger_client import HttpLedger, KeyUse
from gateway.pending import Reply

pytestmark = pytest.mark.anyio

KEPT = {
    "application_id": "one",
    "applicant_id": 1,
    "request_hash": "ab",
    "status": "decided",
    "received_at": None,
}
#: Blanks and order are the decision's own: the answer is passed on byte for byte.
DECISION = b'{"decision":  "approve", "application_id": "one"}'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def key_use(content: bytes, *, status: int = 200, lag_ms: str | None = "0") -> KeyUse | None:
    headers = {} if lag_ms is None else {"x-lag-ms": lag_ms}
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=headers))
    ledger = HttpLedger("http://ledger", timeout_s=1, max_lag_s=30, transport=transport)
    try:
        return await ledger.key_use("bank", "key", "one")
    finally:
        await ledger.close()


def document(**parts: bytes) -> bytes:
    """The ledger's answer with these parts as they are."""
    fields = [
        json.dumps(KEPT)[1:-1].encode(),
        *(f'"{name}":'.encode() + part for name, part in parts.items()),
    ]
    return b"{" + b",".join(fields) + b"}"


async def test_a_recorded_decision_is_the_answer_byte_for_byte() -> None:
    use = await key_use(document(decision=DECISION, problem=b"null"))
    assert use == KeyUse("one", "ab", Reply(200, DECISION))


async def test_a_dead_letter_is_the_answer_as_a_problem() -> None:
    use = await key_use(document(decision=b"null", problem=b'{"status":410}'))
    assert use == KeyUse("one", "ab", Reply(410, b'{"status":410}'))


@pytest.mark.parametrize("parts", [{}, {"decision": b"null"}, {"decision": b"null", "problem": b"null"}])
async def test_what_is_pending_has_no_answer_yet(parts: dict[str, bytes]) -> None:
    assert await key_use(document(**parts)) == KeyUse("one", "ab", None)


async def test_a_key_that_was_never_used_is_none() -> None:
    assert await key_use(b"{}", status=404) is None


@pytest.mark.parametrize("lag_ms", [None, "30001"])
async def test_a_ledger_that_may_be_behind_can_not_say(lag_ms: str | None) -> None:
    with pytest.raises(LedgerUnavailable):
        await key_use(document(), lag_ms=lag_ms)


async def test_a_ledger_that_is_broken_can_not_say() -> None:
    with pytest.raises(LedgerUnavailable):
        await key_use(b"", status=500)
