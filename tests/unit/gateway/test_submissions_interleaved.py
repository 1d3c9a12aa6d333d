"""Acknowledgements, refusals, replies, time-outs and departures in any order: nothing leaks."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.submissions import Answer
from tests.fake_logs import FakeApplicationLog, never
from tests.unit.gateway.submitting import DECISION, SOON_S, Inside, body, caller

MAX_IN_FLIGHT = 3
RECENT_MAX = 2

_requests = st.tuples(st.just("submit"), st.integers(0, 3))
_events = st.tuples(
    st.sampled_from(["ack", "refuse", "reply", "leave", "turn", "time out"]), st.integers(0, 9)
)
_steps = st.lists(st.one_of(_requests, _events), max_size=25)


class Story:
    """Takes steps, each against one of the requests so far."""

    def __init__(self) -> None:
        self.inside = Inside(
            deadline_s=SOON_S,
            max_in_flight=MAX_IN_FLIGHT,
            recent_max=RECENT_MAX,
            log=FakeApplicationLog(never),
        )
        self.requests: list[asyncio.Task[Answer]] = []
        self.replied: set[bytes] = set()

    async def take(self, kind: str, number: int) -> None:
        sent = self.inside.log.sent
        if kind == "submit":
            keyed = caller(f"key-{number}" if number else None)
            submit = self.inside.submissions.submit(body(100_000 + number), keyed)
            self.requests.append(asyncio.create_task(submit))
        elif kind == "leave" and self.requests:
            self.requests[number % len(self.requests)].cancel()
        elif kind == "time out":
            await asyncio.wait(self.requests, timeout=5) if self.requests else None
        elif kind == "turn":
            await asyncio.sleep(0)
        elif sent:
            self._answer(kind, *sent[number % len(sent)])
        assert self.inside.pending.in_flight <= MAX_IN_FLIGHT
        assert len(self.inside.pending._recent) <= RECENT_MAX

    def _answer(self, kind: str, submission: Any, acknowledged: asyncio.Future[Any]) -> None:
        if kind == "reply":
            self.inside.reply(submission)
            self.replied.add(submission.value)
        elif not acknowledged.done() and kind == "ack":
            acknowledged.set_result(None)
        elif not acknowledged.done():
            acknowledged.set_exception(OSError("refused"))

    async def end(self) -> list[Answer | BaseException]:
        return await asyncio.wait_for(asyncio.gather(*self.requests, return_exceptions=True), 10)


@given(_steps)
@settings(max_examples=60, deadline=None)
def test_every_request_ends_and_leaves_no_waiter_whatever_happens_when(steps: list[tuple[str, int]]) -> None:
    async def tell() -> None:
        story = Story()
        for kind, number in steps:
            await story.take(kind, number)
        for outcome in await story.end():
            if isinstance(outcome, Answer):
                assert outcome.reply in (None, DECISION)
            else:
                assert isinstance(outcome, GatewayError | asyncio.CancelledError), repr(outcome)
        assert story.inside.is_empty()

    asyncio.run(tell(), debug=False)
