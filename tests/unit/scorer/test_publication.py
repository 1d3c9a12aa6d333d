"""Whether what was published is the decision of record."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from contracts import headers
from contracts.events import ApplicationScored, SourceRecord, Timings, encode
from scorer.decision_index import DecisionIndex
from scorer.errors import LogTruncated
from scorer.publication import Decided, Publication
from scorer.records import OutputRecord
from tests.fake_logs import FakePredictionStream, FakeRecordLog
from tests.unit.scorer.arriving import accepted, record

pytestmark = pytest.mark.anyio
TOPIC = "predictions"


def decided(application_id: str, words: str, *, partition: int = 1, offset: int = 0) -> Decided:
    """A decision that says who made it."""
    given = {headers.APPLICATION_ID: application_id.encode()}
    one = accepted(record(offset, partition=partition, headers=given))
    document = f'{{"by":"{words}"}}'.encode()
    scored = ApplicationScored(
        application_id=application_id,
        decision=msgspec.Raw(document),
        application=msgspec.Raw(one.record.value or b"null"),
        request_hash=one.request_hash,
        feature_hash="f",
        margin=0.0,
        model_digest="d",
        source=SourceRecord("applications", partition, offset),
        lane="sync",
        scorer=words,
        timings=Timings(0, 0),
    )
    return Decided(one, document, OutputRecord(b"k", encode(scored), []))


class ForgetfulLog(FakeRecordLog):
    """A broker that has the records and does not say where."""

    async def append(self, topic: str, partition: int, records: Sequence[OutputRecord]) -> list[int]:
        return [-1 for _ in await super().append(topic, partition, records)]


def publication(log: FakeRecordLog) -> Publication:
    return Publication(TOPIC, log=log, stream=FakePredictionStream(log, TOPIC))


async def test_alone_an_owner_answers_what_it_decided() -> None:
    log, index = FakeRecordLog({TOPIC: 4}), DecisionIndex(10)
    ours = publication(log)
    documents = await ours.publish([decided("a", "us")], {1: index})
    assert documents == {(1, "a"): b'{"by":"us"}'}
    assert (index.next_offset, ours.overtaken) == (1, 0)


@pytest.mark.parametrize("log", [FakeRecordLog({TOPIC: 4}), ForgetfulLog({TOPIC: 4})])
async def test_where_another_owner_decided_first_its_decision_is_answered(log: FakeRecordLog) -> None:
    await publication(log).publish([decided("a", "them")], {1: DecisionIndex(10)})
    index = DecisionIndex(10)
    ours = publication(log)
    documents = await ours.publish([decided("a", "us"), decided("b", "us", offset=1)], {1: index})
    assert documents == {(1, "a"): b'{"by":"them"}', (1, "b"): b'{"by":"us"}'}
    assert ours.overtaken == 1
    assert index.next_offset == 3


async def test_one_id_in_two_partitions_has_two_decisions() -> None:
    log = FakeRecordLog({TOPIC: 4})
    both = [decided("a", "zero", partition=0), decided("a", "one", partition=1)]
    documents = await publication(log).publish(both, {0: DecisionIndex(10), 1: DecisionIndex(10)})
    assert documents == {(0, "a"): b'{"by":"zero"}', (1, "a"): b'{"by":"one"}'}


async def test_a_log_that_is_shorter_than_it_was_is_not_believed() -> None:
    index = DecisionIndex(10)
    index.next_offset = 9
    with pytest.raises(LogTruncated):
        await publication(FakeRecordLog({TOPIC: 4})).publish([decided("a", "us")], {1: index})
