"""Broken bytes straight onto the topic: put aside with the reason, told to who asked, neighbours decided."""

from __future__ import annotations

import itertools
import json
import os
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from contracts.events import decode_decision
from contracts.headers import APPLICATION_ID, CORRELATION_ID, REPLY_PARTITION, REPLY_TOPIC, STATUS
from contracts.identity import application_id_for_record
from contracts.topics import APPLICATIONS_DLQ
from tests.e2e import lane_under_test
from tests.e2e.kafka_client import Headers, KafkaClient, Request, reply_headers
from tests.e2e.lane_under_test import LaneUnderTest, application, good_request

kafka, running, lane = lane_under_test.kafka, lane_under_test.running, lane_under_test.lane

_GOOD = application()[1]
_BARE = _GOOD.rstrip(b"}")

#: Values that are no application: bytes, reason, and the status of the error reply.
BROKEN: dict[str, tuple[bytes | None, str, bytes]] = {
    "not JSON": (b"SK_ID_CURR=100002&AMT_CREDIT=1", "UNDECODABLE", b"422"),
    "truncated": (_GOOD[: len(_GOOD) // 2], "UNDECODABLE", b"422"),
    "invalid UTF-8": (_BARE + b', "x": "\xff\xfe"}', "UNDECODABLE", b"422"),
    "zero bytes": (b"\x00" * 64, "UNDECODABLE", b"422"),
    "gzip": (bytes.fromhex("1f8b0800000000000003"), "UNDECODABLE", b"422"),
    "schema registry framing": (b"\x00\x00\x00\x00\x07" + _GOOD, "UNDECODABLE", b"422"),
    "a byte order mark": (b"\xef\xbb\xbf" + _GOOD, "UNDECODABLE", b"422"),
    "NaN": (_BARE + b', "AMT_ANNUITY": NaN}', "INVALID", b"422"),
    "NaN in an unknown field": (_BARE + b', "x": NaN}', "INVALID", b"422"),
    "1e999": (_BARE + b', "AMT_ANNUITY": 1e999}', "INVALID", b"422"),
    "deep nesting": (b"[" * 60_000, "UNDECODABLE", b"422"),
    "deep nesting in a field": (_BARE + b', "x": ' + b'{"a":' * 10_000 + b"}", "UNDECODABLE", b"422"),
    "empty": (b"", "UNDECODABLE", b"422"),
    "null value": (None, "UNDECODABLE", b"422"),
    "JSON null": (b"null", "UNDECODABLE", b"422"),
    "a list": (b"[" + _GOOD + b"]", "UNDECODABLE", b"422"),
    "one byte over 64 KiB": (_GOOD.ljust(65_537), "TOO_LARGE", b"413"),
    "800 KB": (os.urandom(800_000), "TOO_LARGE", b"413"),
    "missing required": (b'{"SK_ID_CURR": 100002}', "INVALID", b"422"),
    "duplicate keys": (_BARE + b', "AMT_CREDIT": 5}', "INVALID", b"422"),
    "wrong type": (_BARE + b', "CNT_CHILDREN": "two"}', "INVALID", b"422"),
    "out of range": (_BARE + b', "EXT_SOURCE_1": 1.5}', "INVALID", b"422"),
}
MALFORMED_REPLY_HEADERS: dict[str, Headers] = {
    "partition of 3 bytes": ((REPLY_PARTITION, b"\x00\x00\x01"), (REPLY_TOPIC, b"replies")),
    "partition of 8 bytes": ((REPLY_PARTITION, b"\x00" * 8), (REPLY_TOPIC, b"replies")),
    "negative partition": ((REPLY_PARTITION, b"\xff\xff\xff\xff"), (REPLY_TOPIC, b"replies")),
    "partition as text": ((REPLY_PARTITION, b"1"), (REPLY_TOPIC, b"replies")),
    "empty partition": ((REPLY_PARTITION, b""), (REPLY_TOPIC, b"replies")),
    "topic that is no text": ((REPLY_TOPIC, b"\xff\xfe"),),
}
BAD_APPLICATION_IDS = {
    "empty": b"",
    "65 characters": b"a" * 65,
    "a space": b"an id",
    "not ASCII": "é".encode(),
    "a line break": b"id\n",
    "raw UUID bytes": uuid4().bytes[:-1] + b"\x00",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_bytes_are_put_aside_untouched_with_the_reason_and_who_asked_is_told(
    lane: LaneUnderTest, kind: str
) -> None:
    value, reason, status = BROKEN[kind]
    correlation_id, key = os.urandom(16), os.urandom(9)
    brought = [*reply_headers(correlation_id, partition=3), ("a-header", b"\x00\xff kept"), ("empty", b"")]
    (placed,) = lane.send(Request(value, key, brought, partition=2))

    letter = lane.dead_letter(placed)
    assert (letter.key, letter.value) == (key, value)
    assert letter.partition == placed.partition
    assert {name: letter.header(name) for name, _ in brought} == dict(brought)
    assert letter.header("reason") == reason.encode()
    assert (letter.header("detail") or b"").decode()
    assert letter.header("attempts") == b"1"
    assert datetime.fromisoformat((letter.header("first-seen") or b"").decode()).tzinfo is not None
    derived = application_id_for_record(lane.lane.applications.name, placed.partition, placed.offset)
    assert letter.header(APPLICATION_ID) == derived.encode()

    reply = lane.reply(correlation_id)
    problem = json.loads(reply.value or b"")
    assert reply.partition == 3
    assert reply.header(STATUS) == status
    assert reply.header("content-type") == b"application/problem+json"
    assert (problem["status"], problem["application_id"]) == (int(status), derived)
    assert problem["type"].startswith("urn:scorestream:problem:")


def test_good_neighbours_in_the_same_partition_are_decided_and_the_committed_offset_passes_all(
    lane: LaneUnderTest,
) -> None:
    waiting: list[bytes] = []
    requests: list[Request] = []
    for number, (value, _, _) in enumerate(BROKEN.values()):
        waiting.append(os.urandom(16))
        requests.append(good_request(reply_headers(waiting[-1]), partition=1))
        requests.append(Request(value, f"poison-{number}".encode(), partition=1))
    waiting.append(os.urandom(16))
    requests.append(good_request(reply_headers(waiting[-1]), partition=1))
    placed = lane.send(*requests)

    for correlation_id, sent in zip(waiting, requests[::2], strict=True):
        decision = decode_decision(lane.reply(correlation_id).value or b"")
        assert str(decision.applicant_id).encode() == sent.key
    poison = [sent.key for sent in requests[1::2]]
    letters = lane.kafka.wait_for(
        APPLICATIONS_DLQ.name, lane.dead_since, lambda record: record.key in poison, count=len(poison)
    )
    assert [letter.key for letter in letters] == poison
    lane.kafka.wait_committed(
        lane.lane.consumer_group, lane.lane.applications.name, {1: placed[-1].offset + 1}
    )


@pytest.mark.parametrize(
    ("value", "compression"),
    [
        (os.urandom(1_045_000), None),
        (bytes(9_000_000), "gzip"),
        (os.urandom(300_000).hex().encode() * 2, "zstd"),
    ],
    ids=["nearly a record", "nine megabytes, compressed", "compressed better than we do"],
)
def test_a_value_too_long_for_a_dead_letter_is_cut_and_holds_nobody_up(
    lane: LaneUnderTest, value: bytes, compression: str | None
) -> None:
    correlation_id = os.urandom(16)
    poison = Request(value, b"key", reply_headers(correlation_id), partition=0)
    with KafkaClient(lane.kafka.bootstrap_servers, compression) as producer:
        (placed,) = producer.send(lane.lane.applications.name, poison)
    letter = lane.dead_letter(placed)
    assert letter.header("reason") == b"TOO_LARGE"
    assert letter.value
    assert value.startswith(letter.value)
    assert int(letter.header("truncated-from-bytes") or 0) > len(value)
    assert lane.reply(correlation_id).header(STATUS) == b"413"
    assert lane.ask(good_request(partition=0)).header(STATUS) == b"200"


def test_a_record_without_a_key_is_put_aside_and_who_asked_is_told(lane: LaneUnderTest) -> None:
    for key in (None, b""):
        correlation_id = os.urandom(16)
        (placed,) = lane.send(Request(application()[1], key, reply_headers(correlation_id), partition=0))
        letter = lane.dead_letter(placed)
        assert (letter.header("reason"), letter.key) == (b"NO_KEY", key)
        assert lane.reply(correlation_id).header(STATUS) == b"422"


@pytest.mark.parametrize("topic", ["evil", "predictions", "applications", "__consumer_offsets", "", "a b/c"])
def test_a_reply_topic_off_the_list_is_put_aside_undecided_and_unanswered(
    lane: LaneUnderTest, topic: str
) -> None:
    application_id = str(uuid4())
    headers = [*reply_headers(os.urandom(16), topic, 0), (APPLICATION_ID, application_id.encode())]
    inputs_before = lane.kafka.ends("applications")
    (placed,) = lane.send(good_request(headers, partition=3))
    letter = lane.dead_letter(placed)
    assert letter.header("reason") == b"REPLY_TOPIC_NOT_ALLOWED"
    assert letter.header(APPLICATION_ID) == application_id.encode()
    lane.wait_until_all_is_worked_off()
    answered = [*lane.all_replies(), *lane.all_predictions(), *lane.kafka.read("applications", inputs_before)]
    correlated = [each for each in answered if each.header(CORRELATION_ID) == headers[0][1]]
    assert [each for each in correlated if each.offset != placed.offset] == []
    assert application_id.encode() not in {
        each.header(APPLICATION_ID) for each in (*lane.all_replies(), *lane.all_predictions())
    }


@pytest.mark.parametrize("kind", MALFORMED_REPLY_HEADERS)
def test_malformed_reply_headers_are_put_aside_undecided_and_unanswered(
    lane: LaneUnderTest, kind: str
) -> None:
    application_id = str(uuid4())
    headers = [
        (CORRELATION_ID, os.urandom(16)),
        *MALFORMED_REPLY_HEADERS[kind],
        (APPLICATION_ID, application_id.encode()),
    ]
    (placed,) = lane.send(good_request(headers))
    letter = lane.dead_letter(placed)
    assert letter.header("reason") == b"MALFORMED_HEADER"
    assert {name: letter.header(name) for name, _ in headers} == dict(headers)
    lane.wait_until_all_is_worked_off()
    assert application_id.encode() not in {
        each.header(APPLICATION_ID) for each in (*lane.all_replies(), *lane.all_predictions())
    }


@pytest.mark.parametrize("kind", BAD_APPLICATION_IDS)
def test_an_application_id_that_is_none_is_put_aside_under_one_of_our_own(
    lane: LaneUnderTest, kind: str
) -> None:
    (placed,) = lane.send(good_request([(APPLICATION_ID, BAD_APPLICATION_IDS[kind])]))
    letter = lane.dead_letter(placed)
    derived = application_id_for_record(lane.lane.applications.name, placed.partition, placed.offset)
    assert letter.header("reason") == b"MALFORMED_HEADER"
    assert letter.header(APPLICATION_ID) == derived.encode()


def test_who_sent_a_bad_application_id_is_told_when_its_reply_headers_are_in_order(
    lane: LaneUnderTest,
) -> None:
    correlation_id = os.urandom(16)
    lane.send(good_request([*reply_headers(correlation_id), (APPLICATION_ID, b"an id")]))
    assert lane.reply(correlation_id).header(STATUS) == b"422"


def test_a_dead_letter_keeps_headers_that_occur_twice_or_are_null(lane: LaneUnderTest) -> None:
    brought = [("hop", b"first"), ("hop", b"second"), ("nothing", None), ("b3", b"trace")]
    (placed,) = lane.send(Request(b"broken", b"key", brought))  # type: ignore[arg-type]
    assert [each for each in lane.dead_letter(placed).headers if each in brought] == brought


def test_a_dead_letter_names_every_problem_of_the_application(lane: LaneUnderTest) -> None:
    correlation_id = os.urandom(16)
    wrong: dict[str, Any] = {"CNT_CHILDREN": "two", "EXT_SOURCE_1": 1.5, "AMT_CREDIT": None}
    (placed,) = lane.send(good_request(reply_headers(correlation_id), **wrong))
    problem = json.loads(lane.reply(correlation_id).value or b"")
    assert {each["field"] for each in problem["errors"]} == set(wrong)
    detail = (lane.dead_letter(placed).header("detail") or b"").decode()
    assert all(name in detail for name in wrong)


def test_a_flood_of_poison_is_all_put_aside(lane: LaneUnderTest) -> None:
    kinds = itertools.islice(itertools.cycle(BROKEN.values()), 300)
    placed = lane.send(
        *(
            Request(value, b"flood", partition=n % 4)
            for n, (value, reason, _) in enumerate(kinds)
            if reason != "TOO_LARGE"
        )
    )
    letters = lane.kafka.wait_for(
        APPLICATIONS_DLQ.name, lane.dead_since, lambda record: record.key == b"flood", count=len(placed)
    )
    assert len(letters) == len(placed)
