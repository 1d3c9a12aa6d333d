from __future__ import annotations

import pytest

from scorer.continuity import Continuity
from scorer.records import InputRecord
from tests.unit.scorer.arriving import record


def records(*offsets: int) -> list[InputRecord]:
    return [record(offset) for offset in offsets]


PARTITION = record(0).partition


@pytest.fixture
def continuity() -> Continuity:
    one = Continuity()
    one.restart({PARTITION: 5})
    return one


def received(continuity: Continuity, began_at: int, *offsets: int) -> tuple[list[int], dict[int, int]]:
    taken, again = continuity.receive(records(*offsets), {PARTITION: began_at})
    return [one.offset for one in taken], again


def test_what_joins_on_is_received(continuity: Continuity) -> None:
    assert received(continuity, 5, 5, 6) == ([5, 6], {})
    assert received(continuity, 7, 7) == ([7], {})


def test_what_comes_after_a_gap_is_not_received_and_the_gap_is_fetched(continuity: Continuity) -> None:
    assert received(continuity, 7, 7, 8) == ([], {PARTITION: 5})
    assert received(continuity, 9, 9) == ([], {PARTITION: 5})
    assert received(continuity, 5, 5, 6, 7, 8, 9) == ([5, 6, 7, 8, 9], {})


def test_offsets_that_the_log_leaves_out_are_no_gap(continuity: Continuity) -> None:
    assert received(continuity, 5, 8, 11) == ([8, 11], {})
    assert received(continuity, 12, 13) == ([13], {})


def test_what_comes_again_is_received_again(continuity: Continuity) -> None:
    assert received(continuity, 5, 5, 6) == ([5, 6], {})
    assert received(continuity, 5, 5, 6, 7) == ([5, 6, 7], {})
    assert received(continuity, 8, 8) == ([8], {})


def test_an_old_fetch_that_comes_late_takes_nothing_back(continuity: Continuity) -> None:
    received(continuity, 5, 5, 6, 7, 8)
    assert received(continuity, 2, 2, 3) == ([2, 3], {})
    assert received(continuity, 9, 9) == ([9], {})


def test_a_gap_in_one_partition_does_not_hold_up_another() -> None:
    continuity = Continuity()
    continuity.restart({0: 5, 1: 0})
    both = [record(7, partition=0), record(0, partition=1)]
    taken, again = continuity.receive(both, {0: 7, 1: 0})
    assert [(one.partition, one.offset) for one in taken] == [(1, 0)]
    assert again == {0: 5}


def test_a_partition_of_another_owner_is_not_received(continuity: Continuity) -> None:
    assert continuity.receive([record(0, partition=9)], {9: 0}) == ([], {})


def test_a_reader_that_stays_ahead_of_what_came_is_sent_back(continuity: Continuity) -> None:
    assert continuity.overtaken({PARTITION: 9}) == {}
    assert continuity.overtaken({PARTITION: 9}) == {}
    assert continuity.overtaken({PARTITION: 9}) == {PARTITION: 5}
    assert continuity.overtaken({PARTITION: 9}) == {}


def test_a_reader_that_is_ahead_for_a_moment_is_not(continuity: Continuity) -> None:
    assert continuity.overtaken({PARTITION: 9}) == {}
    received(continuity, 5, 5, 6, 7, 8)
    assert continuity.overtaken({PARTITION: 12}) == {}
    received(continuity, 9, 9, 10, 11)
    assert continuity.overtaken({PARTITION: 12}) == {}
    assert continuity.overtaken({}) == {}


def test_what_the_log_has_no_more_is_not_waited_for(continuity: Continuity) -> None:
    assert continuity.skip({PARTITION: 5}) == {}
    assert continuity.skip({PARTITION: 3, 9: 7}) == {}
    assert continuity.skip({PARTITION: 8}) == {PARTITION: 3}
    assert received(continuity, 8, 8, 9) == ([8, 9], {})
