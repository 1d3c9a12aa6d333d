"""The note of a commit: what it says about the owner that wrote it."""

from __future__ import annotations

import pytest

from scorer.committed import CLEAN, WORKING, Commit, trying


@pytest.mark.parametrize(
    ("note", "tries"),
    [
        (CLEAN, 0),
        ("", 0),
        (WORKING, 1),
        (trying(2), 2),
        (trying(3), 3),
        ("trying:", 0),
        ("trying:-1", 0),
        ("somebody else's note", 0),
    ],
)
def test_a_note_says_how_often_the_next_record_was_tried(note: str, tries: int) -> None:
    assert Commit(5, note).tries == tries
