"""The simulated story: who applies, how time passes, what becomes of whom; over a gateway in memory."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from contracts.application import decode_submitted
from contracts.events import DecisionDocument, ModelVersion, SnapshotUsed, encode
from contracts.outcome import decode_submitted_outcome
from scorestream.client import AsyncScorestreamClient
from scorestream.simulation.run import Applicant, Pace, Simulation, Tally, applicants
from scorestream.simulation.shifts import SHIFTS, defaults
from training.sample.writer import write_sample

FAST = Pace(rate=400, days=1, day_s=0.1, window_days=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(
        folder, applicants=2_000, seed=1, tables=["application_train", "application_test"],
        progress=lambda *_: None, workers=1,
    )  # fmt: skip
    return folder


class Gateway:
    """A gateway that decides everything alike and keeps the outcomes."""

    def __init__(self, decision: str = "approve", *, outcome_failures: int = 0) -> None:
        self.decision = decision
        self.outcomes: list[bool] = []
        self._failures = outcome_failures

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/outcomes":
            return self._outcome(request.content)
        application = decode_submitted(request.content)
        document = DecisionDocument(
            application_id=request.headers["idempotency-key"],
            applicant_id=application.SK_ID_CURR,
            decision=self.decision,  # type: ignore[arg-type]
            probability_of_default=0.05,
            score=600,
            reasons=(),
            model=ModelVersion("credit-risk", "1"),
            feature_snapshot=SnapshotUsed(None, None, False),
            decided_at=datetime.now(UTC).isoformat(),
        )
        return httpx.Response(200, content=encode(document))

    def _outcome(self, body: bytes) -> httpx.Response:
        outcome = decode_submitted_outcome(body, now=datetime.now(UTC))
        if self._failures:
            self._failures -= 1
            problem = {"type": "urn:x", "title": "t", "status": 503, "detail": "d"}
            return httpx.Response(503, content=json.dumps(problem))
        self.outcomes.append(outcome.defaulted)
        return httpx.Response(202, content=b"{}")


def told(gateway: Gateway, folder: Path, shift: str = "none") -> Tally:
    async def run() -> Tally:
        client = AsyncScorestreamClient("http://gateway", patience_s=5)
        await client.close()
        client._http = httpx.AsyncClient(
            base_url="http://gateway", transport=httpx.MockTransport(gateway.answer)
        )
        async with client:
            story = Simulation(client, SHIFTS[shift], FAST, seed=1, said=lambda _: None)
            return await story.run(applicants(folder, SHIFTS[shift], seed=1))

    return asyncio.run(run())


def test_every_granted_loan_has_its_outcome_after_the_window(folder: Path) -> None:
    gateway = Gateway()
    tally = told(gateway, folder)
    assert (tally.sent, tally.decisions["approve"], tally.outcomes) == (40, 40, 40)
    assert gateway.outcomes.count(True) == tally.defaulted


def test_declined_applicants_have_no_outcome(folder: Path) -> None:
    gateway = Gateway("decline")
    assert told(gateway, folder).outcomes == 0
    assert gateway.outcomes == []


def test_an_outcome_that_is_not_taken_is_sent_again(folder: Path) -> None:
    gateway = Gateway(outcome_failures=3)
    assert told(gateway, folder).outcomes == 40


@pytest.mark.parametrize("shift", sorted(SHIFTS))
def test_shifted_applicants_are_still_applications(folder: Path, shift: str) -> None:
    people = applicants(folder, SHIFTS[shift], seed=3)
    for _ in range(50):
        assert decode_submitted(json.dumps(dict(next(people).application)).encode())


def test_the_same_seed_sends_the_same_applicants(folder: Path) -> None:
    first, second = (applicants(folder, SHIFTS["missing"], seed=3) for _ in range(2))
    assert [next(first) for _ in range(20)] == [next(second) for _ in range(20)]


def test_more_risk_means_more_defaults_and_known_defaults_stay(folder: Path) -> None:
    people = applicants(folder, SHIFTS["none"], seed=3)
    sample: list[Applicant] = [next(people) for _ in range(1_000)]
    chance = random.Random(1)
    calm = sum(defaults(one.application, one.target, SHIFTS["none"], chance) for one in sample)
    worse = sum(defaults(one.application, one.target, SHIFTS["risk"], chance) for one in sample)
    assert calm == sum(one.target or 0 for one in sample)
    assert worse > 1.5 * calm


def test_the_window_is_told_in_the_days_of_real_time() -> None:
    pace = Pace(rate=10, days=2, day_s=20, window_days=1.5)
    assert (pace.applications, pace.window_s) == (400, 30)
    assert pace.performance_days == pytest.approx(30 / 86_400)
