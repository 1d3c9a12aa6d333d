"""Offsets in, lags out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.kafka.lag.facts import Behind, Place, Span, behind_by_place

ZERO, ONE = Place("applications", 0), Place("applications", 1)
offsets = st.integers(0, 1_000_000)


def test_what_is_waiting_is_what_lies_between_the_commit_and_the_end() -> None:
    assert Behind(Span(0, 10), committed=7).records == 3


def test_a_partition_without_a_commit_waits_as_a_whole() -> None:
    behind = Behind(Span(4, 10), committed=None)
    assert (behind.next_offset, behind.records, behind.overtaken) == (4, 6, 0)


def test_records_that_retention_took_before_they_were_done_are_counted_and_wait_no_more() -> None:
    behind = Behind(Span(8, 10), committed=5)
    assert (behind.next_offset, behind.records, behind.overtaken) == (8, 2, 3)


@given(first=offsets, more=offsets, committed=st.none() | offsets)
def test_nothing_is_ever_negative(first: int, more: int, committed: int | None) -> None:
    behind = Behind(Span(first, first + more), committed)
    assert behind.records >= 0
    assert behind.overtaken >= 0


def test_a_lane_is_behind_in_every_partition_of_its_topic() -> None:
    spans = {ZERO: Span(0, 5), ONE: Span(0, 2)}
    found = behind_by_place(spans, {ZERO: 5}, must_cover="applications")
    assert {place: one.records for place, one in found.items()} == {ZERO: 0, ONE: 2}


def test_another_group_is_behind_only_where_it_committed() -> None:
    spans = {ZERO: Span(0, 5), ONE: Span(0, 2)}
    assert set(behind_by_place(spans, {ZERO: 1}, must_cover=None)) == {ZERO}


def test_a_topic_that_was_deleted_and_a_commit_that_is_none_are_left_out() -> None:
    found = behind_by_place({ZERO: Span(0, 5)}, {ZERO: -1, Place("gone", 0): 3}, must_cover=None)
    assert found == {}
