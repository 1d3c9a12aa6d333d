"""Which applications are decided, and where: the first record decides, whatever comes later."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from scorer.decision_index import DecisionIndex, LoggedPrediction, is_same_request

SOME = hashlib.sha256(b"some").hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


def logged(offset: int, application: str, request_hash: str = SOME) -> LoggedPrediction:
    return LoggedPrediction(offset, offset, application, request_hash, offset)


def offset_of(index: DecisionIndex, application: str) -> int | None:
    known = index.find(application)
    assert known is not None
    return known.offset


def test_an_application_that_was_never_seen_is_not_known() -> None:
    assert DecisionIndex(10).find("a") is None


def test_an_application_is_known_from_before_it_is_decided() -> None:
    index = DecisionIndex(10)
    index.enter("a", SOME)
    known = index.find("a")
    assert known is not None
    assert known.offset is None
    assert is_same_request(known, SOME)
    assert not is_same_request(known, OTHER)


def test_what_was_entered_and_not_decided_can_be_taken_back_and_what_was_decided_not() -> None:
    index = DecisionIndex(10)
    index.enter("a", SOME)
    index.forget("a")
    assert index.find("a") is None
    index.record([logged(0, "a")])
    index.forget("a")
    assert offset_of(index, "a") == 0


def test_the_first_record_of_an_application_is_the_one_that_counts() -> None:
    index = DecisionIndex(10)
    index.record([logged(3, "a"), logged(4, "b"), logged(5, "a", OTHER)])
    assert offset_of(index, "a") == 3
    assert index.next_offset == 6


def test_no_more_is_kept_than_allowed_and_the_newest_stay() -> None:
    index = DecisionIndex(3)
    index.record([logged(offset, str(offset)) for offset in range(10)])
    assert len(index) == 3
    assert [index.find(str(offset)) is not None for offset in (6, 7, 8, 9)] == [False, True, True, True]


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), st.data())
def test_in_whatever_blocks_a_partition_is_read_the_first_record_wins(
    applications: list[str], data: st.DataObject
) -> None:
    predictions = [logged(offset, application) for offset, application in enumerate(applications)]
    index = DecisionIndex(100)
    at = 0
    while at < len(predictions):
        size = data.draw(st.integers(1, 5))
        index.record(predictions[at : at + size])
        at += size
    assert {one: offset_of(index, one) for one in applications} == {
        one: applications.index(one) for one in applications
    }
