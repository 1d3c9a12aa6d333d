"""Poison straight onto the topic, between good applications: put aside with its reason, nobody held up."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

from aiokafka import AIOKafkaProducer

from contracts import headers
from contracts.errors import DeadLetterReason
from contracts.events import ModelPromoted
from contracts.topics import APPLICATIONS
from tests.e2e.audit import audit
from tests.e2e.faults import PATIENT, applicants, now, own_broker, report, wait_until_answered
from tests.e2e.load import Load, application

_POISON = 200
#: Key, value and headers of each kind, with the reason it is put aside for.
_KINDS: tuple[tuple[bytes | None, bytes | None, list[tuple[str, bytes]], DeadLetterReason], ...] = (
    (b"1", b"\x00\xff\xfe", [], DeadLetterReason.UNDECODABLE),
    (b"1", b"[" * 60_000, [], DeadLetterReason.UNDECODABLE),
    (b"1", None, [], DeadLetterReason.UNDECODABLE),
    (b"1", b'{"SK_ID_CURR": 1}', [], DeadLetterReason.INVALID),
    (None, application(1), [], DeadLetterReason.NO_KEY),
    (b"1", b" " * 70_000 + application(1), [], DeadLetterReason.TOO_LARGE),
    (b"1", application(1), [(headers.APPLICATION_ID, b"\xff")], DeadLetterReason.MALFORMED_HEADER),
    (
        b"1",
        application(1),
        [(headers.CORRELATION_ID, b"c"), (headers.REPLY_TOPIC, b"elsewhere")],
        DeadLetterReason.REPLY_TOPIC_NOT_ALLOWED,
    ),
)


def test_poison_between_good_applications_is_put_aside_and_the_good_ones_are_answered(
    tmp_path: Path, promoted: ModelPromoted
) -> None:
    with own_broker(tmp_path, promoted) as (kafka, path):
        scorer, gateway = path.scorer(), path.gateway(**PATIENT)
        with Load([gateway.url], applicants) as load:
            wait_until_answered(load, since_s=now())
            begun = now()
            asyncio.run(write_poison(kafka.bootstrap_servers))
            load.run_for(2)
            wait_until_answered(load, since_s=now())
        history = audit(kafka.bootstrap_servers, load.requests)
        report(
            "200 poisoned records under load",
            statuses=dict(load.statuses()),
            pending_since=sum(r.status == 202 for r in load.since(begun)),
            longest_s=max(r.took_s for r in load.since(begun)),
        )
        assert set(load.statuses()) <= {200, 202}
        wanted = [reason for *_, reason in itertools.islice(itertools.cycle(_KINDS), _POISON)]
        assert sorted(letter.reason or "" for letter in history.record.letters) == sorted(wanted)
        decided = {application_id for _, application_id in history.record.predictions}
        assert decided >= {r.application_id for r in load.answered()}
        assert scorer.is_ready()


async def write_poison(bootstrap_servers: str) -> None:
    """Records that no scorer may choke on, each kind again and again."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
        for number in range(_POISON):
            key, value, kind_headers, _ = _KINDS[number % len(_KINDS)]
            await producer.send(APPLICATIONS.name, value=value, key=key, headers=kind_headers)
