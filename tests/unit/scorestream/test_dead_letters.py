from __future__ import annotations

from datetime import UTC, datetime

from contracts import headers
from contracts.lanes import Lane
from contracts.topics import APPLICATIONS, APPLICATIONS_BATCH
from scorestream.dead_letters import DeadLetter, plan_redrive


def letter(
    application_id: str = "one",
    *,
    source: str = APPLICATIONS.name,
    value: bytes | None = b"{",
    offset: int = 0,
    truncated_from: str | None = None,
) -> DeadLetter:
    brought = {
        headers.APPLICATION_ID: application_id,
        headers.DLQ_SOURCE_TOPIC: source,
        headers.DLQ_SOURCE_PARTITION: "0",
    }
    if truncated_from is not None:
        brought[headers.DLQ_TRUNCATED_FROM_BYTES] = truncated_from
    encoded = tuple((name, text.encode()) for name, text in brought.items())
    return DeadLetter(0, offset, datetime(2026, 1, 1, tzinfo=UTC), b"1", value, encoded)


def test_a_letter_without_a_decision_goes_back() -> None:
    assert plan_redrive([letter()], set()).sent == (letter(),)


def test_an_application_that_was_decided_since_is_left_alone() -> None:
    plan = plan_redrive([letter("one"), letter("two")], {(Lane.SYNC, "one")})
    assert (plan.decided, plan.sent) == ((letter("one"),), (letter("two"),))


def test_a_decision_of_the_other_lane_is_no_decision_of_this_application() -> None:
    batch = letter("one", source=APPLICATIONS_BATCH.name)
    assert plan_redrive([batch], {(Lane.SYNC, "one")}).sent == (batch,)
    assert plan_redrive([batch], {(Lane.BATCH, "one")}).decided == (batch,)


def test_an_application_that_died_twice_goes_back_once() -> None:
    plan = plan_redrive([letter(offset=1), letter(offset=2)], set())
    assert [one.offset for one in plan.sent] == [1]
    assert [one.offset for one in plan.copies] == [2]


def test_what_was_cut_to_fit_does_not_go_back() -> None:
    cut = letter(truncated_from="1045000")
    plan = plan_redrive([cut], set())
    assert (plan.cut, plan.sent) == ((cut,), ())


def test_what_came_from_no_topic_of_ours_does_not_go_back() -> None:
    foreign = letter(source="__consumer_offsets")
    plan = plan_redrive([foreign], set())
    assert (plan.foreign, plan.sent) == ((foreign,), ())


def test_every_letter_is_accounted_for() -> None:
    letters = [letter(), letter("two", source="elsewhere"), letter("three"), letter()]
    plan = plan_redrive(letters, {(Lane.SYNC, "three")})
    told = (*plan.sent, *plan.decided, *plan.copies, *plan.cut, *plan.foreign)
    assert len(told) == len(letters)
