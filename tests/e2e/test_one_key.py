"""One Idempotency-Key in many copies at once, over two gateways and a ledger: one decision each time."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from contracts.events import ModelPromoted
from tests.e2e.audit import audit
from tests.e2e.faults import applicants, own_broker, report
from tests.e2e.load import Request, application, insist

COPIES = 50


@contextmanager
def two_gateways(folder: Path, promoted: ModelPromoted) -> Iterator[tuple[str, list[str]]]:
    """A broker's address, and the addresses of two gateways with one ledger and one scorer behind them."""
    with own_broker(folder, promoted) as (kafka, path):
        path.scorer()
        ledger = path.ledger()
        gateways = [path.gateway(LEDGER_URL=ledger.url, GATEWAY_DEADLINE_MS="1000") for _ in range(2)]
        yield kafka.bootstrap_servers, [gateway.url for gateway in gateways]


async def send_copies(urls: list[str], keys: int) -> list[Request]:
    """All requests: for each key `COPIES` at once, by turns to each of `urls`, until all have a decision."""
    sent: list[Request] = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        for number in range(keys):
            applicant = applicants()
            content = application(applicant)
            copies = [
                Request(applicant, content, f"copies-{number}", time.monotonic()) for _ in range(COPIES)
            ]
            sent += copies
            turns = itertools.cycle((urls, urls[::-1]))
            await asyncio.gather(
                *(insist(session, copy, places, sent) for copy, places in zip(copies, turns, strict=False))
            )
    return sent


def one_decision_a_key(folder: Path, promoted: ModelPromoted, *, keys: int) -> None:
    """Send `keys` keys in copies; each has one answer and one decision."""
    with two_gateways(folder, promoted) as (bootstrap_servers, urls):
        requests = asyncio.run(send_copies(urls, keys))
        audited = audit(bootstrap_servers, requests)
    answers: dict[str, set[bytes]] = {}
    for request in requests:
        if request.status == 200:
            answers.setdefault(request.key or "", set()).add(request.answer)
    report(
        f"{COPIES} copies of a key over two gateways, {keys} times",
        statuses=dict(Counter(request.status for request in requests)),
        decided=audited.decided,
        decided_again=audited.decided_again,
    )
    assert {key: len(found) for key, found in answers.items()} == {f"copies-{n}": 1 for n in range(keys)}
    assert audited.decided == keys
    assert set(audited.statuses) <= {200, 202, 503}


def test_fifty_copies_of_a_key_over_two_gateways_are_one_decision(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    one_decision_a_key(tmp_path, promoted, keys=20)


@pytest.mark.faults
def test_fifty_copies_of_each_of_a_thousand_keys_are_a_thousand_decisions(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    one_decision_a_key(tmp_path, promoted, keys=1_000)
