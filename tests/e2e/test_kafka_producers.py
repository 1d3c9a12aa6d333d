"""A plain Kafka producer against a real scorer, in both lanes: replies, predictions, identity.

What goes wrong on the topic is in test_dead_letters.py.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from contracts.application import example
from contracts.events import decode_decision, decode_scored, submitted_value
from contracts.headers import (
    APPLICATION_ID,
    BATCH_ID,
    CLIENT_ID,
    CORRELATION_ID,
    REPLY_TOPIC,
    STATUS,
    TRACEPARENT,
)
from contracts.identity import application_id_for_record
from contracts.lanes import Lane
from tests.e2e import lane_under_test
from tests.e2e.kafka_client import Request, reply_headers
from tests.e2e.lane_under_test import LaneUnderTest, application, good_request

kafka, running, lane = lane_under_test.kafka, lane_under_test.running, lane_under_test.lane

#: Hashes of Java's partitioner for these keys, from Kafka's own tests of it.
JAVA_MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


def test_a_reply_goes_to_the_asked_partition_with_the_correlation_id_byte_for_byte(
    lane: LaneUnderTest,
) -> None:
    asked = [(os.urandom(length), length % 4) for length in (1, 3, 7, 15, 16, 17, 36, 255, 4_000)]
    asked += [(b"", 2), (b"\x00" * 16, 1), (b"\xff" * 16, 0)]
    requests = [good_request(reply_headers(correlation_id, partition=at)) for correlation_id, at in asked]
    lane.send(*requests)
    for (correlation_id, partition), sent in zip(asked, requests, strict=True):
        reply = lane.reply(correlation_id)
        assert reply.partition == partition
        assert reply.key == correlation_id
        assert reply.header(STATUS) == b"200"
        assert str(decode_decision(reply.value or b"").applicant_id).encode() == sent.key


def test_without_a_reply_partition_the_reply_goes_where_java_puts_its_key(lane: LaneUnderTest) -> None:
    lane.send(*(good_request(reply_headers(correlation_id)) for correlation_id in JAVA_MURMUR2))
    for correlation_id, java_hash in JAVA_MURMUR2.items():
        assert lane.reply(correlation_id).partition == (java_hash & 0x7FFFFFFF) % 4


@pytest.mark.parametrize(
    "headers",
    [(), ((CORRELATION_ID, os.urandom(16)),), ((REPLY_TOPIC, b"replies"),)],
    ids=["no reply headers", "only a correlation id", "only a reply topic"],
)
def test_who_asks_for_no_reply_is_decided_and_gets_none(
    lane: LaneUnderTest, headers: tuple[tuple[str, bytes], ...]
) -> None:
    application_id = str(uuid4())
    lane.send(good_request([*headers, (APPLICATION_ID, application_id.encode())]))
    lane.prediction(application_id)
    lane.wait_until_all_is_worked_off()
    assert application_id.encode() not in {reply.header(APPLICATION_ID) for reply in lane.all_replies()}


@pytest.mark.parametrize("partition", [4, 99, 2**31 - 1])
def test_a_reply_partition_that_is_not_there_holds_nobody_up(lane: LaneUnderTest, partition: int) -> None:
    application_id = str(uuid4())
    headers = [*reply_headers(os.urandom(16), partition=partition), (APPLICATION_ID, application_id.encode())]
    lane.send(good_request(headers, partition=1))
    assert lane.ask(good_request(partition=1)).header(STATUS) == b"200"
    lane.prediction(application_id)
    assert application_id.encode() not in {reply.header(APPLICATION_ID) for reply in lane.all_replies()}


@pytest.mark.parametrize("partition", range(4))
def test_a_prediction_has_the_partition_of_its_input_and_the_key_of_its_applicant(
    lane: LaneUnderTest, partition: int
) -> None:
    applicant, value = application()
    application_id = str(uuid4())
    # A key that is not the applicant's: the prediction's is, since readers look for the applicant.
    (placed,) = lane.send(
        Request(value, b"somebody", [(APPLICATION_ID, application_id.encode())], partition=partition)
    )
    prediction = lane.prediction(application_id)
    scored = decode_scored(prediction.value or b"")
    assert prediction.partition == partition
    assert prediction.key == str(applicant).encode()
    assert (scored.source.topic, scored.source.partition, scored.source.offset) == (
        lane.lane.applications.name,
        partition,
        placed.offset,
    )
    assert scored.lane == lane.lane.value


@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        lambda fields: json.dumps(fields, indent=4),
        lambda fields: json.dumps(dict(reversed(fields.items())), separators=(",", ":")),
        lambda fields: json.dumps(fields).replace("AMT_CREDIT", "AMT\\u005fCREDIT"),
        lambda fields: json.dumps({**fields, "AMT_CREDIT": 270000.10}).replace("270000.1", "270000.1000"),
        lambda fields: json.dumps({**fields, "remark": "é 🙂"}, ensure_ascii=False),
        lambda fields: json.dumps(fields) + "\n",
        lambda fields: "\r\n  " + json.dumps(fields) + "\t ",
    ],
    ids=["plain", "indented", "reversed", "escaped", "zeros", "UTF-8", "final line break", "white space"],
)
def test_a_prediction_holds_the_application_as_submitted_and_its_hash(
    lane: LaneUnderTest, write: Callable[[Any], str]
) -> None:
    applicant, plain = application()
    value = write(json.loads(plain)).encode()
    application_id = str(uuid4())
    lane.send(Request(value, str(applicant).encode(), [(APPLICATION_ID, application_id.encode())]))
    prediction = lane.prediction(application_id)
    scored = decode_scored(prediction.value or b"")
    assert scored.request_hash == hashlib.sha256(value).hexdigest()
    assert value in (prediction.value or b"")
    assert submitted_value(scored) == value


def test_a_reply_is_the_decision_that_the_prediction_records(lane: LaneUnderTest) -> None:
    reply = lane.ask(good_request())
    application_id = (reply.header(APPLICATION_ID) or b"").decode()
    assert bytes(decode_scored(lane.prediction(application_id).value or b"").decision) == reply.value


def test_an_application_without_an_id_gets_one_from_its_place_in_the_log(lane: LaneUnderTest) -> None:
    correlation_id = os.urandom(16)
    (placed,) = lane.send(good_request(reply_headers(correlation_id)))
    derived = application_id_for_record(lane.lane.applications.name, placed.partition, placed.offset)
    assert decode_decision(lane.reply(correlation_id).value or b"").application_id == derived
    assert decode_scored(lane.prediction(derived).value or b"").application_id == derived


def test_a_producer_may_bring_an_application_id_of_its_own(lane: LaneUnderTest) -> None:
    own = f"batch-7/{uuid4().hex}"
    reply = lane.ask(good_request([(APPLICATION_ID, own.encode())]))
    assert decode_decision(reply.value or b"").application_id == own
    assert reply.header(APPLICATION_ID) == own.encode()


@pytest.mark.parametrize("running", [Lane.BATCH], indirect=True)
def test_a_redelivery_has_the_same_id_and_the_same_decision(lane: LaneUnderTest) -> None:
    correlation_id = os.urandom(16)
    (placed,) = lane.send(good_request(reply_headers(correlation_id), EXT_SOURCE_2=0.1))
    first = decode_decision(lane.reply(correlation_id).value or b"")
    lane.deliver_again(placed)
    replies = lane.kafka.wait_for(
        "replies",
        lane.replies_since,
        lambda record: record.header(CORRELATION_ID) == correlation_id,
        count=2,
    )
    again = decode_decision(replies[-1].value or b"")
    assert again.application_id == first.application_id
    assert (again.probability_of_default, again.reasons) == (first.probability_of_default, first.reasons)


def test_a_category_never_seen_is_scored_as_missing_and_flagged(lane: LaneUnderTest) -> None:
    seen_as_missing = lane.ask(good_request())
    reply = lane.ask(good_request(NAME_HOUSING_TYPE="A boat", CODE_GENDER="X"))
    decision = decode_decision(reply.value or b"")
    scored = decode_scored(lane.prediction(decision.application_id).value or b"")
    assert set(scored.unseen_categories) == {"NAME_HOUSING_TYPE", "CODE_GENDER"}
    assert (
        decision.probability_of_default
        == decode_decision(seen_as_missing.value or b"").probability_of_default
    )


def test_an_unknown_field_is_ignored_on_the_topic(lane: LaneUnderTest) -> None:
    reply = lane.ask(good_request(A_FIELD_OF_TOMORROW={"deep": [1, None, "text"]}))
    decision = decode_decision(reply.value or b"")
    scored = decode_scored(lane.prediction(decision.application_id).value or b"")
    assert scored.unseen_categories == ()
    assert b"A_FIELD_OF_TOMORROW" in bytes(scored.application)


def test_a_prediction_carries_batch_client_and_trace_of_its_input(lane: LaneUnderTest) -> None:
    carried = {
        BATCH_ID: uuid4().hex.encode(),
        CLIENT_ID: b"client-9",
        TRACEPARENT: b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    application_id = str(uuid4())
    lane.send(good_request([*carried.items(), (APPLICATION_ID, application_id.encode())]))
    prediction = lane.prediction(application_id)
    assert {name: prediction.header(name) for name in carried} == carried


def test_a_header_name_that_is_no_text_stops_nobody(lane: LaneUnderTest) -> None:
    applicant, value = application()
    correlation_id = os.urandom(16)
    named = Request(value, str(applicant).encode(), reply_headers(correlation_id), partition=0)
    lane.kafka.send_with_header_name(lane.lane.applications.name, named, b"\xff\xfe\x00name")
    assert decode_decision(lane.reply(correlation_id).value or b"").applicant_id == applicant
    lane.wait_until_all_is_worked_off()


def test_a_batch_is_decided_once_each_and_in_order(lane: LaneUnderTest) -> None:
    batch_id = uuid4().hex.encode()
    full = json.loads(example("full"))
    full.pop("SK_ID_CURR")
    requests = [
        good_request([(BATCH_ID, batch_id)], partition=n % 4, **(full if n % 3 else {})) for n in range(400)
    ]
    placed = lane.send(*requests)
    predictions = lane.kafka.wait_for(
        lane.lane.predictions.name,
        lane.predictions_since,
        lambda record: record.header(BATCH_ID) == batch_id,
        count=len(requests),
    )
    for partition in range(4):
        inputs = [at.offset for at in placed if at.partition == partition]
        sources = [
            decode_scored(each.value or b"").source.offset
            for each in predictions
            if each.partition == partition
        ]
        assert sources == inputs
