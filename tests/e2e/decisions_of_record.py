"""Decisions of record held against what else there is: the ledger, the gateways, the model again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from contracts.application import decode_logged
from contracts.events import (
    ApplicationScored,
    DecisionDocument,
    ModelPromoted,
    decode_decision,
    decode_scored,
)
from contracts.topics import PREDICTIONS
from scorer.bundle import read_bundle
from scorer.decide import decide
from scorer.model import ServingModel
from tests.e2e.audit import Audited, read_log
from tests.e2e.processes import Process

_AT_ONCE = 16
_READ_TIMEOUT_S = 60.0


def counts(ledger: Process) -> dict[str, Any]:
    """The sync lane's counts; empty while the ledger can't say."""
    try:
        answer = httpx.get(f"{ledger.url}/v1/counts", timeout=5)
    except httpx.TransportError:
        return {}
    found: dict[str, Any] = answer.json()["lanes"]["sync"] if answer.status_code == 200 else {}
    return found


def agrees(ledger: Process, audited: Audited) -> bool:
    """Whether the ledger has what the log has, by its own count of both."""
    found = counts(ledger)
    wanted = {"accepted": audited.accepted, "decided": audited.decided, "pending": 0, "difference": 0}
    return {name: found.get(name) for name in wanted} == wanted


async def fetched(urls: Sequence[str], application_ids: Iterable[str]) -> dict[str, bytes]:
    """What `GET /v1/applications/{id}` says of each, by turns of each gateway; only decisions are in it."""
    found: dict[str, bytes] = {}
    places = asyncio.Semaphore(_AT_ONCE)

    async def fetch(session: aiohttp.ClientSession, url: str, application_id: str) -> None:
        async with places, session.get(f"{url}/v1/applications/{application_id}") as answer:
            if answer.status == 200:
                found[application_id] = await answer.read()

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        for number, application_id in enumerate(application_ids):
            tasks.create_task(fetch(session, urls[number % len(urls)], application_id))
    return found


def recomputed_otherwise(
    scored: list[tuple[ApplicationScored, DecisionDocument]], bundles: list[ModelPromoted]
) -> list[str]:
    """Applications whose record another model, or none, would have given: every number and reason again."""
    models = {bundle.digest: ServingModel(read_bundle(Path(bundle.bundle_uri))) for bundle in bundles}
    by_digest: dict[str, list[tuple[ApplicationScored, DecisionDocument]]] = defaultdict(list)
    for record, decision in scored:
        by_digest[record.model_digest].append((record, decision))
    wrong = []
    for digest, entries in by_digest.items():
        applications = [decode_logged(bytes(record.application)).application for record, _ in entries]
        for (record, decision), verdict in zip(entries, decide(applications, models[digest]), strict=True):
            told = (record.margin, record.feature_hash, decision.probability_of_default, decision.reasons)
            again = (verdict.margin, verdict.feature_hash, verdict.probability_of_default, verdict.reasons)
            if told != again or (decision.decision, decision.score) != (verdict.decision, verdict.score):
                wrong.append(record.application_id)
    return wrong


async def predictions(bootstrap_servers: str) -> list[tuple[ApplicationScored, DecisionDocument]]:
    """All prediction records of the sync lane, with their decision."""
    records = await read_log(bootstrap_servers, [PREDICTIONS.name], timeout_s=_READ_TIMEOUT_S)
    scored = [decode_scored(record.value or b"") for record in records]
    return [(one, decode_decision(bytes(one.decision))) for one in scored]
