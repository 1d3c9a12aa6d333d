"""What a log must do: the same rules for the ones in memory and for the ones on Kafka."""

from __future__ import annotations

import asyncio
import os
from typing import Protocol
from uuid import uuid4

import pytest

from contracts import headers
from gateway.log import ApplicationLog, LoggedSubmission
from scorer.log import RecordLog
from scorer.records import OutputRecord

PARTITIONS = 4
#: Hashes that Java's partitioner gives these keys, from Kafka's own tests of it.
JAVA_MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


class RecordLogOnTopic(Protocol):
    """A log, a topic of PARTITIONS partitions that nobody else writes, and how to read it."""

    log: RecordLog
    topic: str

    async def records(self, partition: int) -> list[OutputRecord]: ...


def text(value: str) -> OutputRecord:
    """A small record."""
    return OutputRecord(b"k", value.encode(), [])


class RecordLogRules:
    """Subclassed with a `place` fixture; tests run under anyio."""

    async def test_an_append_gives_the_offset_of_its_first_record(self, place: RecordLogOnTopic) -> None:
        batches = [[text("a"), text("b"), text("c")], [text("d")], [text("e"), text("f")]]
        assert [(await place.log.append(place.topic, 0, batch))[0] for batch in batches] == [0, 3, 4]

    async def test_what_was_appended_is_there_in_order_byte_for_byte(self, place: RecordLogOnTopic) -> None:
        batch = [
            OutputRecord(b"k", b"v", [("one", b"1"), ("two", b"\x00\xff"), ("one", b"again")]),
            OutputRecord(None, b"no key", []),
            OutputRecord(b"no value", None, [("empty", b"")]),
            OutputRecord(b"", b"", []),
        ]
        await place.log.append(place.topic, 1, batch)
        assert await place.records(1) == batch

    async def test_partitions_count_for_themselves(self, place: RecordLogOnTopic) -> None:
        firsts = await asyncio.gather(
            *(
                place.log.append(place.topic, partition, [text(str(partition))])
                for partition in range(PARTITIONS)
            )
        )
        assert firsts == [[0]] * PARTITIONS
        for partition in range(PARTITIONS):
            assert await place.records(partition) == [text(str(partition))]

    async def test_more_than_fits_in_one_batch_is_there_whole_and_in_order(
        self, place: RecordLogOnTopic
    ) -> None:
        batch = [OutputRecord(bytes([number]), os.urandom(65_536), []) for number in range(40)]
        assert await place.log.append(place.topic, 2, [text("before")]) == [0]
        assert await place.log.append(place.topic, 2, batch) == list(range(1, 41))
        assert await place.log.append(place.topic, 2, [text("after")]) == [41]
        assert await place.records(2) == [text("before"), *batch, text("after")]

    async def test_appends_one_after_the_other_keep_their_order(self, place: RecordLogOnTopic) -> None:
        said = [text(str(number)) for number in range(50)]
        for number, one in enumerate(said):
            assert await place.log.append(place.topic, 3, [one]) == [number]
        assert await place.records(3) == said

    async def test_a_key_has_the_partition_that_java_gives_it(self, place: RecordLogOnTopic) -> None:
        for key, murmur2 in JAVA_MURMUR2.items():
            assert await place.log.partition_for(place.topic, key) == (murmur2 & 0x7FFF_FFFF) % PARTITIONS

    async def test_a_partition_is_there_or_not(self, place: RecordLogOnTopic) -> None:
        found = [await place.log.has_partition(place.topic, number) for number in range(PARTITIONS + 2)]
        assert found == [True] * PARTITIONS + [False, False]

    async def test_a_topic_that_is_not_there_has_no_partition(self, place: RecordLogOnTopic) -> None:
        missing = f"{place.topic}-missing"
        assert await place.log.partition_for(missing, b"k") is None
        assert not await place.log.has_partition(missing, 0)


class ApplicationLogOnTopic(Protocol):
    """A log of applications and how to read what it has with an application id."""

    log: ApplicationLog

    async def submitted(self, application_ids: list[str]) -> dict[str, tuple[int, LoggedSubmission]]: ...


def submission(applicant: int, value: bytes = b'{"a" : 1}\n') -> tuple[str, LoggedSubmission]:
    """A submission with an application id of its own."""
    application_id = str(uuid4())
    written = [(headers.APPLICATION_ID, application_id.encode()), (headers.CORRELATION_ID, b"\x00\xff" * 8)]
    return application_id, LoggedSubmission(str(applicant).encode(), value, written)


class ApplicationLogRules:
    """Subclassed with a `place` fixture; tests run under anyio."""

    async def test_what_was_acknowledged_is_there_byte_for_byte(self, place: ApplicationLogOnTopic) -> None:
        application_id, sent = submission(100_002, bytes(range(256)))
        await (await place.log.send(sent))
        assert (await place.submitted([application_id]))[application_id][1] == sent

    async def test_an_applicants_submissions_share_the_partition_that_java_gives_the_key(
        self, place: ApplicationLogOnTopic
    ) -> None:
        sent = [submission(21) for _ in range(5)]
        await asyncio.gather(*[await place.log.send(one) for _, one in sent])
        places = await place.submitted([application_id for application_id, _ in sent])
        assert {partition for partition, _ in places.values()} == {
            (JAVA_MURMUR2[b"21"] & 0x7FFF_FFFF) % PARTITIONS
        }

    async def test_many_at_once_are_all_there(self, place: ApplicationLogOnTopic) -> None:
        sent = dict(submission(applicant) for applicant in range(300))
        await asyncio.gather(*[await place.log.send(one) for one in sent.values()])
        found = await place.submitted(list(sent))
        assert {application_id: one for application_id, (_, one) in found.items()} == sent

    async def test_handing_over_does_not_wait_for_the_acknowledgement(
        self, place: ApplicationLogOnTopic
    ) -> None:
        _, sent = submission(100_002)
        acknowledged = await asyncio.wait_for(place.log.send(sent), 10)
        assert isinstance(acknowledged, asyncio.Future)
        with pytest.raises(asyncio.InvalidStateError):
            acknowledged.set_result(await acknowledged)
