from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import DeadLetterReason
from contracts.headers import ReplyAddress
from contracts.identity import application_id_for_record
from scorer.documents import dead_letter, problem_reply
from scorer.intake import Accepted
from tests.unit.scorer.arriving import MAX_BYTES, accepted, asking, body, record, rejected, taken


def test_a_good_record_is_accepted_with_the_hash_of_its_bytes() -> None:
    value = b" " + body() + b" "
    found = accepted(record(value=value))
    assert found.application.SK_ID_CURR == 100_002
    assert found.request_hash == hashlib.sha256(value).hexdigest()
    assert found.reply_to is None
    assert found.unseen_categories == ()


def test_the_producers_own_id_is_kept() -> None:
    assert accepted(record(headers={"application-id": b"mine-1"})).application_id == "mine-1"


def test_without_an_id_it_follows_from_the_place_in_the_log_so_a_redelivery_has_the_same() -> None:
    first, again, next_one = (accepted(record(offset)).application_id for offset in (5, 5, 6))
    assert first == again == application_id_for_record("applications", 1, 5)
    assert next_one != first


def test_who_waits_is_known_byte_for_byte() -> None:
    correlation = bytes(range(256))
    assert accepted(record(headers=asking(correlation))).reply_to == ReplyAddress(correlation, "replies", 2)
    without = accepted(record(headers=asking(correlation, partition=None)))
    assert without.reply_to == ReplyAddress(correlation, "replies", None)


def test_a_category_never_seen_is_scored_as_missing_and_named() -> None:
    found = accepted(record(value=body(CODE_GENDER="Q")))
    assert found.unseen_categories == ("CODE_GENDER",)
    assert found.application.CODE_GENDER is None


@pytest.mark.parametrize(
    ("arrived", "reason"),
    [
        (record(value=None), DeadLetterReason.UNDECODABLE),
        (record(value=b""), DeadLetterReason.UNDECODABLE),
        (record(value=b"\xff\xfe\x00"), DeadLetterReason.UNDECODABLE),
        (record(value=b'{"SK_ID_CURR": 1'), DeadLetterReason.UNDECODABLE),
        (record(value=b"{}"), DeadLetterReason.INVALID),
        (record(value=body(AMT_CREDIT="x")), DeadLetterReason.INVALID),
        (record(value=body().ljust(MAX_BYTES + 1)), DeadLetterReason.TOO_LARGE),
        (record(key=None), DeadLetterReason.NO_KEY),
        (record(key=b""), DeadLetterReason.NO_KEY),
        (record(headers={"application-id": b"two words"}), DeadLetterReason.MALFORMED_HEADER),
        (record(headers={"application-id": b"\xff"}), DeadLetterReason.MALFORMED_HEADER),
        (record(headers={**asking(), "kafka_replyPartition": b"\x01"}), DeadLetterReason.MALFORMED_HEADER),
        (record(headers={**asking(), "kafka_replyTopic": b"\xff"}), DeadLetterReason.MALFORMED_HEADER),
        (record(headers={"client-id": b"x" * 1_025}), DeadLetterReason.MALFORMED_HEADER),
        (record(headers={"batch-id": b"x" * 1_025}), DeadLetterReason.MALFORMED_HEADER),
        (record(headers={"traceparent": b"x" * 1_025}), DeadLetterReason.MALFORMED_HEADER),
        (record(headers=asking(topic="predictions")), DeadLetterReason.REPLY_TOPIC_NOT_ALLOWED),
    ],
    ids=lambda value: value.value if isinstance(value, DeadLetterReason) else "",
)
def test_poison_is_rejected_by_name(arrived: object, reason: DeadLetterReason) -> None:
    found = rejected(arrived)  # type: ignore[arg-type]
    assert found.reason is reason
    assert found.detail


def test_a_value_at_the_limit_is_accepted() -> None:
    assert accepted(record(value=body().ljust(MAX_BYTES)))


def test_a_rejected_record_is_answered_where_its_own_headers_allow() -> None:
    assert rejected(record(value=b"{}", headers=asking())).reply_to == ReplyAddress(b"c" * 16, "replies", 2)


@pytest.mark.parametrize("topic", ["predictions", "Replies", "", "replies "])
def test_nothing_is_ever_sent_to_a_topic_off_the_list(topic: str) -> None:
    assert rejected(record(headers=asking(topic=topic))).reply_to is None


def test_a_poisoned_reply_header_gets_no_reply() -> None:
    assert rejected(record(headers={**asking(), "kafka_replyPartition": b"?"})).reply_to is None


def test_a_long_list_of_problems_is_cut_in_the_detail_and_whole_in_the_list() -> None:
    units = ("HOUR", "DAY", "WEEK", "MON", "QRT", "YEAR")
    wrong: dict[str, object] = {f"AMT_REQ_CREDIT_BUREAU_{unit}": "x" for unit in units}
    wrong |= {f"FLAG_DOCUMENT_{number}": "x" for number in range(2, 22)}
    value = json.dumps({**json.loads(body()), **wrong}).encode()
    found = rejected(record(value=value))
    assert len(found.problems) == 26
    assert len(found.detail) < 1_100
    assert found.detail.endswith("(26 problems)")


_header_values = st.dictionaries(
    st.sampled_from(
        ["application-id", "kafka_correlationId", "kafka_replyTopic", "kafka_replyPartition", "other"]
    ),
    st.one_of(st.binary(max_size=8), st.just(b"replies"), st.just(b"\x00\x00\x00\x01")),
)
_values = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.text(max_size=40).map(str.encode),
    st.just(body()),
    st.just(b'{"\\ud800": "\\udfff", "SK_ID_CURR": "\\ud800"}'),
)


@given(value=_values, key=st.one_of(st.none(), st.binary(max_size=4)), found=_header_values)
def test_whatever_the_bytes_are_the_record_ends_accepted_or_as_a_dead_letter_that_can_be_written(
    value: bytes | None, key: bytes | None, found: dict[str, bytes]
) -> None:
    finding = taken(record(value=value, key=key, headers=found))
    if isinstance(finding, Accepted):
        return
    letter = dead_letter(finding, attempts=1, first_seen="2026-01-01T00:00:00.000Z")
    assert (letter.key, letter.value) == (key, value)
    assert all(isinstance(text, bytes) for _, text in letter.headers)
    assert (problem_reply(finding) is None) == (finding.reply_to is None)
