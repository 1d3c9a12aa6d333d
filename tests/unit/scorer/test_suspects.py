"""Who may have killed the owner before, and when a record has had its tries."""

from __future__ import annotations

import pytest

from scorer.committed import CLEAN, WORKING, Commit, trying
from scorer.suspects import MAX_TRIES, Suspects


@pytest.mark.parametrize(
    ("note", "tries"), [("", 0), (CLEAN, 0), (WORKING, 1), (trying(2), 2), ("trying:x", 0), ("nonsense", 0)]
)
def test_a_note_says_how_often_the_record_was_tried(note: str, tries: int) -> None:
    assert Commit(7, note).tries == tries


@pytest.mark.parametrize("note", ["", CLEAN])
def test_nobody_is_suspect_after_a_clean_end(note: str) -> None:
    assert Suspects({0: Commit(7, note)}, window=4).is_empty


def test_after_a_death_as_many_records_as_a_batch_holds_are_suspect() -> None:
    suspects = Suspects({0: Commit(7, WORKING), 1: Commit(3, CLEAN)}, window=2)
    assert suspects.is_suspect(0)
    assert not suspects.is_suspect(1)
    suspects.cleared(0)
    assert suspects.is_suspect(0)
    suspects.cleared(0)
    assert suspects.is_empty


def test_one_try_is_presumed_of_every_suspect_and_more_of_the_one_that_is_named() -> None:
    suspects = Suspects({0: Commit(7, trying(2))}, window=4)
    assert suspects.tries(0, 7) == 2
    assert suspects.tries(0, 8) == 1


def test_a_record_that_killed_three_times_has_had_its_tries() -> None:
    """As each new owner sees it: presumed, tried alone, tried alone again, put aside."""
    note, seen = WORKING, []
    for _ in range(3):
        tries = Suspects({0: Commit(7, note)}, window=4).tries(0, 7)
        seen.append(tries)
        note = trying(tries + 1)
    assert seen == [1, 2, 3]
    assert seen[-1] >= MAX_TRIES
