from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaError

from contracts.headers import ReplyAddress
from scorer.metrics import ScorerMetrics
from scorer.records import OutputRecord
from scorer.replies import KafkaReplies
from tests.fake_logs import FakeRecordLog, java_partition

pytestmark = pytest.mark.anyio


@pytest.fixture
def log() -> FakeRecordLog:
    return FakeRecordLog({"replies": 4})


@pytest.fixture
def metrics() -> ScorerMetrics:
    return ScorerMetrics("sync")


@pytest.fixture
def replies(log: FakeRecordLog, metrics: ScorerMetrics) -> KafkaReplies:
    return KafkaReplies(log, metrics)


def reply(
    correlation: bytes, partition: int | None, topic: str = "replies"
) -> tuple[ReplyAddress, OutputRecord]:
    return ReplyAddress(correlation, topic, partition), OutputRecord(correlation, b"{}", [])


def undeliverable(metrics: ScorerMetrics) -> float | None:
    name = "scorestream_scorer_replies_undeliverable_total"
    return metrics.registry.get_sample_value(name, {"lane": "sync"})


async def test_an_asked_partition_is_used_and_a_batch_is_one_append_per_partition(
    log: FakeRecordLog, replies: KafkaReplies
) -> None:
    await replies.send([reply(b"a", 2), reply(b"b", 0), reply(b"c", 2)])
    await replies.finish(5)
    assert [one.key for one in log.written["replies", 2]] == [b"a", b"c"]
    assert [one.key for one in log.written["replies", 0]] == [b"b"]
    assert log.journal == ["acknowledged replies"] * 2


async def test_without_a_partition_the_reply_goes_where_java_puts_its_key(
    log: FakeRecordLog, replies: KafkaReplies
) -> None:
    keys = [bytes([number]) * 16 for number in range(20)]
    await replies.send(reply(key, None) for key in keys)
    await replies.finish(5)
    placed = {one.key: partition for (_, partition), batch in log.written.items() for one in batch}
    assert placed == {key: java_partition(key, 4) for key in keys}


async def test_a_partition_or_topic_that_is_not_there_is_counted_and_holds_up_no_other_reply(
    log: FakeRecordLog, replies: KafkaReplies, metrics: ScorerMetrics
) -> None:
    nowhere = [reply(b"a", 4), reply(b"b", None, "gone"), reply(b"c", 0, "gone"), reply(b"d", 4)]
    await replies.send([*nowhere, reply(b"e", 1)])
    await replies.finish(5)
    assert undeliverable(metrics) == 4
    assert [one.key for one in log.all_of("replies")] == [b"e"]


async def test_a_broker_that_does_not_say_where_a_topic_is_does_not_hold_up_the_lane(
    metrics: ScorerMetrics,
) -> None:
    class Silent(FakeRecordLog):
        asked = 0

        async def has_partition(self, topic: str, partition: int) -> bool:
            self.asked += 1
            await asyncio.Event().wait()
            return False

    log = Silent({})
    replies = KafkaReplies(log, metrics)
    async with asyncio.timeout(5):
        await replies.send([reply(b"a", 1)])
    await replies.finish(0.01)
    assert log.asked == 1


async def test_a_place_that_is_not_there_is_asked_for_once_a_batch(metrics: ScorerMetrics) -> None:
    class Counting(FakeRecordLog):
        asked = 0

        async def has_partition(self, topic: str, partition: int) -> bool:
            self.asked += 1
            return False

    log = Counting({})
    replies = KafkaReplies(log, metrics)
    await replies.send([reply(bytes([number]), 9) for number in range(64)])
    await replies.finish(5)
    assert log.asked == 1
    assert undeliverable(metrics) == 64


async def test_replies_that_fail_trouble_nobody(log: FakeRecordLog, replies: KafkaReplies) -> None:
    log.broken["replies"] = KafkaError("no")
    await replies.send([reply(b"a", 1)])
    await replies.finish(5)
    del log.broken["replies"]
    await replies.send([reply(b"b", 1)])
    await replies.finish(5)
    assert [one.key for one in log.all_of("replies")] == [b"b"]


async def test_no_more_than_64_batches_are_under_way(log: FakeRecordLog, replies: KafkaReplies) -> None:
    log.held["replies"] = asyncio.Event()
    for number in range(64):
        await replies.send([reply(bytes([number]), 1)])
    one_more = asyncio.create_task(replies.send([reply(b"x", 1)]))
    done, _ = await asyncio.wait([one_more], timeout=0.05)
    assert not done
    log.held["replies"].set()
    await one_more
    await replies.finish(5)
    assert len(log.all_of("replies")) == 65


async def test_the_end_waits_for_replies_under_way_but_not_for_ever(
    log: FakeRecordLog, replies: KafkaReplies
) -> None:
    log.held["replies"] = asyncio.Event()
    await replies.send([reply(b"a", 1)])
    async with asyncio.timeout(5):
        await replies.finish(0.01)
    assert log.all_of("replies") == []
    log.held["replies"].set()
    await replies.finish(5)
    assert len(log.all_of("replies")) == 1
