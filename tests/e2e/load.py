"""Open-loop load on gateways from a thread of its own, remembering every request for the audit.

A request goes out when its time has come, however slow the answers are. Connections are kept alive
and shared, as a client library does. Unless it `insists`, nothing is retried but a refused connection, and
that on the next gateway: no byte of the request has left then.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

from contracts.application import example
from tests.e2e.processes import wait_until

_FIELDS = json.loads(example("full"))
_ANSWER_TIMEOUT_S = 20.0
_ATTEMPTS = 15
_ASK_AGAIN_AFTER_S = 0.5
_TO_BE_ASKED_AGAIN = {0, 202, 429, 503}


def application(applicant: int, **changes: object) -> bytes:
    """A body that is valid, of this applicant, and scored otherwise than its neighbours'."""
    own = {
        "SK_ID_CURR": applicant,
        "AMT_CREDIT": 50_000.0 + applicant * 7_919 % 900_000,
        "EXT_SOURCE_2": applicant * 31 % 97 / 97,
        "EXT_SOURCE_3": applicant * 17 % 89 / 89,
    }
    return json.dumps({**_FIELDS, **own, **changes}).encode()


@dataclass(slots=True)
class Request:
    """One request and what became of it; times are `time.monotonic()`, status 0 means no answer at all."""

    applicant: int
    content: bytes
    key: str | None = None
    scheduled_s: float = 0.0
    ended_s: float = 0.0
    url: str = ""
    status: int = 0
    failure: str = ""
    application_id: str | None = None
    retry_after: str | None = None
    answer: bytes = b""

    @property
    def took_s(self) -> float:
        """From its scheduled time to its answer."""
        return self.ended_s - self.scheduled_s


@dataclass
class Load:
    """`rate_per_s` requests a second to the first of `urls` that takes connections, while the block lasts."""

    urls: Sequence[str]
    applicants: Callable[[], int]
    rate_per_s: float = 100.0
    #: Every so many-th request brings an Idempotency-Key.
    key_every: int = 5
    #: Ask again with the same key and bytes, at the next gateway, until there is a decision or a conflict.
    insists: bool = False
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_stopping.set()
        self._thread.join(_ANSWER_TIMEOUT_S + _ATTEMPTS * _ASK_AGAIN_AFTER_S * 16 + 10)
        if error is None:  # else what failed first would be hidden
            assert not self._thread.is_alive(), "a request hangs"

    def run_for(self, seconds: float) -> None:
        """Return once so much more time was scheduled."""
        wanted = len(self.requests) + int(seconds * self.rate_per_s)
        wait_until(
            lambda: len(self.requests) >= wanted, timeout_s=seconds * 10 + 60, why=f"{wanted} requests sent"
        )

    def answered(self) -> list[Request]:
        """Requests that have ended, in the order of their schedule."""
        return [request for request in list(self.requests) if request.ended_s]

    def statuses(self) -> Counter[int]:
        """How many requests ended with which status."""
        return Counter(request.status for request in self.answered())

    def since(self, moment_s: float) -> list[Request]:
        """Ended requests that were scheduled at `moment_s` or later."""
        return [request for request in self.answered() if request.scheduled_s >= moment_s]

    def is_answered_again(self, *, since_s: float, last: int = 30) -> bool:
        """Whether most of the newest answers, all asked for after `since_s`, are decisions."""
        newest = sorted(self.since(since_s), key=lambda request: request.ended_s)[-last:]
        return len(newest) == last and sum(r.status == 200 for r in newest) > last / 2

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        timeout = aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            asyncio.TaskGroup() as tasks,
        ):
            started = time.monotonic()
            for number in itertools.count():
                due = started + number / self.rate_per_s
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self._is_stopping.is_set():
                    break
                request = self._request(number, due)
                self.requests.append(request)
                tasks.create_task(self._send(session, request))

    def _request(self, number: int, due_s: float) -> Request:
        applicant = self.applicants()
        key = f"load-{applicant}" if number % self.key_every == 0 else None
        return Request(applicant, application(applicant), key, scheduled_s=due_s)

    async def _send(self, session: aiohttp.ClientSession, request: Request) -> None:
        if self.insists and request.key is not None:
            await insist(session, request, self.urls, self.requests)
        else:
            await ask(session, request, self.urls)


async def insist(
    session: aiohttp.ClientSession, request: Request, urls: Sequence[str], sent: list[Request]
) -> None:
    """Ask until there is a decision or a conflict, each time at the next gateway; repeats go to `sent`."""
    await ask(session, request, urls)
    for attempt in range(1, _ATTEMPTS):
        if request.status not in _TO_BE_ASKED_AGAIN:
            return
        await asyncio.sleep(_ASK_AGAIN_AFTER_S * min(2**attempt, 16))
        request = Request(request.applicant, request.content, request.key, time.monotonic())
        sent.append(request)
        at = attempt % len(urls)
        await ask(session, request, [*urls[at:], *urls[:at]])


async def ask(session: aiohttp.ClientSession, request: Request, urls: Sequence[str]) -> None:
    """Send the request to the first of `urls` that takes connections, and note what became of it."""
    for url in urls:
        request.url, request.failure = url, ""
        try:
            await _ask(session, request)
            break
        except aiohttp.ClientConnectorError as error:
            request.failure = repr(error)
        except (aiohttp.ClientError, TimeoutError) as error:
            request.failure = repr(error)
            break
    request.ended_s = time.monotonic()


async def _ask(session: aiohttp.ClientSession, request: Request) -> None:
    headers = {"Content-Type": "application/json"}
    if request.key is not None:
        headers["Idempotency-Key"] = request.key
    async with session.post(
        f"{request.url}/v1/applications", data=request.content, headers=headers
    ) as response:
        request.answer = await response.read()
        request.status = response.status
        request.retry_after = response.headers.get("Retry-After")
        location = response.headers.get("Location", "")
        request.application_id = location.rpartition("/")[2] or None
