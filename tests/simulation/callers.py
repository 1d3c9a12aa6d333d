"""Who sends applications: clients over HTTP, with and without keys, and producers that write to the topic."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts import headers
from contracts.application import example
from contracts.headers import ReplyAddress
from contracts.identity import application_id_for_key
from contracts.topics import APPLICATIONS, REPLIES
from gateway.submissions import Caller
from scorer.records import OutputRecord
from tests.fake_logs import java_partition
from tests.history.events import Request
from tests.simulation.gateway_process import Http
from tests.simulation.verdicts import DEADLY, MOODY, UNBEARABLE

if TYPE_CHECKING:
    from tests.simulation.world import World

APPLICANTS = range(100_001, 100_007)
_EXAMPLE = json.loads(example("minimal"))
_RETRIES = 4
_UNDECIDED = {None, 202, 503}


def body(applicant: int, credit: float) -> bytes:
    """An application."""
    return json.dumps({**_EXAMPLE, "SK_ID_CURR": applicant, "AMT_CREDIT": credit}).encode()


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody sends: once or again."""

    applicant: int
    value: bytes
    key: str | None


class Senders:
    """All clients and producers of a schedule."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.chance.random
        self._credit = 100_000
        self.is_deadly = self._random.random() < 0.35
        #: What each client sent first with each of its keys.
        self.firsts: dict[tuple[str, str], Application] = {}

    def application(self, client: str) -> Application:
        """Something new, or something that the client sent before, or nearly."""
        random = self._random
        known = [application for (owner, _), application in self.firsts.items() if owner == client]
        if known and random.random() < 0.4:
            first = random.choice(known)
            if random.random() < 0.7:
                return first
            applicant = random.choice(APPLICANTS) if random.random() < 0.15 else first.applicant
            return Application(applicant, body(applicant, self._amount()), first.key)
        applicant = random.choice(APPLICANTS)
        key = f"key-{len(self.firsts)}" if random.random() < 0.75 else None
        made = Application(applicant, body(applicant, self._amount()), key)
        if key is not None:
            self.firsts[client, key] = made
        self._declare(made.value)
        return made

    def _amount(self) -> float:
        drawn = self._random.random()
        if drawn < 0.03:
            return UNBEARABLE
        if drawn < 0.06:
            return MOODY
        if drawn < 0.08 and self.is_deadly:
            return DEADLY
        self._credit += 1
        return float(self._credit)

    def _declare(self, value: bytes) -> None:
        amount = json.loads(value)["AMT_CREDIT"]
        if amount in {UNBEARABLE, MOODY}:
            self._world.may_fail.add(hashlib.sha256(value).hexdigest())
        if amount == DEADLY:
            self._world.may_kill.add(hashlib.sha256(value).hexdigest())

    async def client(self, name: str, requests: int) -> None:
        """Somebody who sends applications one after the other, some of them in many copies at once."""
        random = self._random
        for _ in range(requests):
            await asyncio.sleep(random.uniform(0.0, 0.6))
            application = self.application(name)
            self._declare(application.value)
            copies = random.choice((1, 1, 1, 2, 4)) if application.key else 1
            await asyncio.gather(*(self._insist(name, application) for _ in range(copies)))

    async def _insist(self, client: str, application: Application) -> None:
        for _ in range(_RETRIES):
            http = await self.post(client, application, self._random.randrange(len(self._world.gateways)))
            if application.key is None or http.status not in _UNDECIDED:
                return
            await asyncio.sleep(self._random.uniform(0.05, 0.4))

    async def post(self, client: str, application: Application, gateway: int) -> Http:
        """One request and its answer, in the history."""
        world = self._world
        sent_at = world.loop.time()
        answer: asyncio.Future[Http] = world.loop.create_future()
        caller = Caller(client, application.key, None)
        world.loop.outside(world.chance.delay_s(), self._arrive, gateway, application, caller, answer)
        http = await answer
        world.requests.append(
            Request(
                client=client,
                key=application.key,
                applicant=application.applicant,
                body_sha256=hashlib.sha256(application.value).hexdigest(),
                sent_at=sent_at,
                answered_at=world.loop.time(),
                status=http.status,
                application_id=http.application_id,
                document=http.document,
                gateway=f"gateway-{gateway}",
            )
        )
        return http

    def _arrive(
        self, gateway: int, application: Application, caller: Caller, answer: asyncio.Future[Http]
    ) -> None:
        running = self._world.gateway(gateway)
        if running is None:
            self._world.broker.respond(answer, Http(None))
        else:
            running.post(application.value, caller, answer)

    async def producer(self, name: str, records: int) -> None:
        """Somebody who writes to the topic: with an id or none, waiting or not, poison now and then."""
        random, world = self._random, self._world
        for number in range(records):
            await asyncio.sleep(random.uniform(0.0, 0.5))
            record, partition = self._raw(f"{name}-{number}")
            copies = random.choice((1, 2, 3))
            for _ in range(copies):
                world.loop.outside(
                    random.uniform(0.0, 0.6), world.broker.append, APPLICATIONS.name, partition, [record]
                )

    def _raw(self, name: str) -> tuple[OutputRecord, int]:
        random, world = self._random, self._world
        applicant = random.choice(APPLICANTS)
        value: bytes | None = body(applicant, self._amount())
        assert value is not None
        self._declare(value)
        key: bytes | None = str(applicant).encode()
        written: list[tuple[str, bytes | None]] = []
        if random.random() < 0.7:
            written.append((headers.APPLICATION_ID, self._raw_id()))
        if random.random() < 0.5:
            topic = "predictions" if random.random() < 0.1 else REPLIES.name
            partition = random.choice((None, 0, 1))
            written += ReplyAddress(random.randbytes(16), topic, partition).as_headers()
        partition = java_partition(key or b"", world.broker.topics[APPLICATIONS.name])
        if random.random() < 0.2:
            value, key = random.choice(((b"{", key), (None, key), (value, None), (b"[]", key)))
        if random.random() < 0.05:
            written.append((headers.REPLY_PARTITION, b"?"))
        if random.random() < 0.05:
            partition = random.randrange(world.broker.topics[APPLICATIONS.name])
        return OutputRecord(key, value, written), partition

    def _raw_id(self) -> bytes:
        # A producer repeats an id soon or never: for later repeats there is the ledger.
        return f"raw-{int(self._world.loop.time() / 0.5)}-{self._random.randrange(2)}".encode()

    async def ask_again(self) -> None:
        """At the end: every key that is in the log, once more at every gateway, with its first bytes."""
        self._world.ledger.catch_up()
        for (client, key), application in list(self.firsts.items()):
            application_id = application_id_for_key(
                client_id=client, idempotency_key=key, applicant_id=application.applicant
            )
            if application_id in self._world.ledger.rows:
                for gateway in range(len(self._world.gateways)):
                    await self.post(client, application, gateway)
