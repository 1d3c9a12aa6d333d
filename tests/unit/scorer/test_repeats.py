"""What of a micro-batch is new, repeated, or in conflict."""

from __future__ import annotations

from contracts import headers
from scorer.decision_index import DecisionIndex, LoggedPrediction
from scorer.intake import Accepted
from scorer.repeats import sort_repeats
from tests.unit.scorer.arriving import accepted, body, record


def named(application_id: str, *, offset: int = 0, partition: int = 1, income: float = 9_000.0) -> Accepted:
    given = {headers.APPLICATION_ID: application_id.encode()}
    value = body(AMT_INCOME_TOTAL=income)
    return accepted(record(offset, partition=partition, value=value, headers=given))


def test_a_micro_batch_cannot_hold_an_application_twice() -> None:
    first, copy = named("a"), named("a", offset=1)
    found = sort_repeats([first, copy], {1: DecisionIndex(10)})
    assert (found.new, found.repeated, found.conflicts) == ([first], [copy], [])


def test_other_bytes_under_the_same_id_are_a_conflict() -> None:
    first, other = named("a"), named("a", offset=1, income=8_000.0)
    found = sort_repeats([first, other], {1: DecisionIndex(10)})
    assert (found.new, found.repeated, found.conflicts) == ([first], [], [other])


def test_what_was_decided_before_is_repeated() -> None:
    again = named("a", offset=7)
    index = DecisionIndex(10)
    index.record([LoggedPrediction(3, 0, "a", again.request_hash, 2)])
    found = sort_repeats([again], {1: index})
    assert (found.new, found.repeated) == ([], [again])


def test_one_id_in_two_partitions_is_two_applications() -> None:
    one, other = named("a", partition=0), named("a", partition=1)
    found = sort_repeats([one, other], {0: DecisionIndex(10), 1: DecisionIndex(10)})
    assert found.new == [one, other]
    assert one.identity != other.identity
