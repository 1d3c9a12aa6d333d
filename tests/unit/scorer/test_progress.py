from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scorer.progress import Progress


def test_nothing_is_committable_before_anything_is_finished() -> None:
    progress = Progress()
    progress.restart({0: 7})
    assert progress.uncommitted() == {}
    assert progress.is_new(0, 7)
    assert not progress.is_new(0, 6)


def test_where_a_partition_stands_is_known_from_its_assignment_on() -> None:
    progress = Progress()
    assert progress.next_offset(0) is None
    progress.restart({0: 7})
    assert progress.next_offset(0) == 7
    progress.finished(0, 7)
    assert progress.next_offset(0) == 8
    assert progress.owned() == {0: 8}


def test_the_next_offset_is_committed_once() -> None:
    progress = Progress()
    progress.finished(0, 4)
    assert progress.uncommitted() == {0: 5}
    progress.committed({0: 5})
    assert progress.uncommitted() == {}


def test_what_is_finished_while_a_commit_is_under_way_is_still_to_commit() -> None:
    progress = Progress()
    progress.finished(0, 4)
    offsets = progress.uncommitted()
    progress.finished(0, 5)
    progress.committed(offsets)
    assert progress.uncommitted() == {0: 6}


def test_a_new_assignment_starts_from_what_is_committed() -> None:
    progress = Progress()
    progress.finished(0, 4)
    progress.restart({1: 3})
    assert progress.is_new(0, 4)
    assert progress.next_offset(0) is None
    assert progress.next_offset(1) == 3
    assert progress.uncommitted() == {}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), max_size=40))
def test_the_next_offset_never_falls_and_lies_behind_all_that_is_finished(
    done: list[tuple[int, int]],
) -> None:
    progress = Progress()
    for partition, offset in done:
        before = progress.next_offset(partition) or 0
        progress.finished(partition, offset)
        assert progress.next_offset(partition) == max(before, offset + 1)
        assert not progress.is_new(partition, offset)
