from __future__ import annotations

import asyncio

import pytest

from gateway.errors import IdempotencyConflict, TooManyInFlight
from gateway.pending import PendingReplies, Reply, State

pytestmark = pytest.mark.anyio

REPLY = Reply(200, b"{}")


def pending(max_in_flight: int = 2, recent_max: int = 3) -> PendingReplies:
    return PendingReplies(max_in_flight=max_in_flight, recent_max=recent_max)


def remembered(replies: PendingReplies, name: str, client: str = "bank") -> None:
    with replies.waiting(replies.submission(name, client, "h"), name.encode()):
        pass


async def test_a_reply_reaches_who_waits_for_its_correlation_id() -> None:
    replies = pending()
    with replies.waiting(replies.submission("a", "bank", "h"), b"1") as reply:
        assert replies.resolve(b"1", REPLY)
        assert await reply == REPLY


async def test_a_reply_with_a_foreign_correlation_id_is_not_ours_whatever_it_is_about() -> None:
    replies = pending()
    with replies.waiting(replies.submission("a", "bank", "h"), b"1") as reply:
        assert not replies.resolve(b"2", REPLY)
        assert not replies.resolve(b"", REPLY)
        assert not reply.done()


async def test_a_reply_after_its_deadline_is_known_by_its_correlation_id() -> None:
    replies = pending()
    remembered(replies, "a")
    assert replies.resolve(b"a", REPLY)
    known = replies.find("a", "bank")
    assert known is not None
    assert known.reply == REPLY
    assert known.state is State.ANSWERED


async def test_the_first_reply_stays_the_answer() -> None:
    replies = pending()
    remembered(replies, "a")
    replies.resolve(b"a", REPLY)
    replies.resolve(b"a", Reply(200, b"another"))
    assert replies.submission("a", "bank", "h").reply == REPLY


async def test_a_decision_takes_the_place_of_what_was_put_aside_before_it() -> None:
    replies = pending()
    remembered(replies, "a")
    replies.resolve(b"a", Reply(410, b"put aside"))
    replies.resolve(b"a", REPLY)
    replies.resolve(b"a", Reply(410, b"put aside"))
    assert replies.submission("a", "bank", "h").reply == REPLY


async def test_bytes_that_came_second_do_not_turn_away_the_first_ones() -> None:
    replies = pending()
    with replies.waiting(replies.submission("a", "bank", "second"), b"2"):
        replies.resolve(b"2", Reply(409, b"conflict"))
    first = replies.submission("a", "bank", "first")
    assert first.reply is None
    with replies.waiting(first, b"1"):
        pass
    replies.resolve(b"1", REPLY)
    assert replies.submission("a", "bank", "first").reply == REPLY
    with pytest.raises(IdempotencyConflict):
        replies.submission("a", "bank", "second")


async def test_what_the_ledger_recorded_of_a_key_stands_above_what_was_claimed() -> None:
    replies = pending()
    replies.claim_key("bank", "k", "theirs")
    with pytest.raises(IdempotencyConflict):
        replies.claim_key("bank", "k", "ours")
    replies.claim_key("bank", "k", "ours", is_recorded=True)
    with pytest.raises(IdempotencyConflict):
        replies.claim_key("bank", "k", "theirs")


async def test_a_forgotten_application_leaves_no_correlation_id() -> None:
    replies = pending(recent_max=1)
    for name in "abc":
        remembered(replies, name)
    assert not replies.resolve(b"a", REPLY)
    assert replies.resolve(b"c", REPLY)


async def test_one_reply_answers_all_who_wait_for_the_application() -> None:
    replies = pending()
    submission = replies.submission("a", "bank", "h")
    with replies.waiting(submission, b"1") as one, replies.waiting(submission, b"2") as other:
        replies.resolve(b"1", REPLY)
        assert [await one, await other] == [REPLY, REPLY]


async def test_another_clients_application_is_not_found() -> None:
    replies = pending()
    remembered(replies, "a", client="bank")
    assert replies.find("a", "other") is None
    assert replies.find("a", "bank") is not None


async def test_other_bytes_under_a_known_id_are_a_conflict_that_names_it() -> None:
    replies = pending()
    remembered(replies, "a")
    with pytest.raises(IdempotencyConflict) as conflict:
        replies.submission("a", "bank", "other")
    assert conflict.value.application_id == "a"


async def test_memory_of_applications_is_bounded_and_drops_the_oldest() -> None:
    replies = pending(recent_max=3)
    for name in "abcde":
        remembered(replies, name)
    assert [name for name in "abcde" if replies.find(name, "bank")] == ["c", "d", "e"]


async def test_a_flood_of_429s_displaces_no_accepted_application() -> None:
    replies = pending(max_in_flight=1, recent_max=2)
    with replies.waiting(replies.submission("accepted", "bank", "h"), b"1"):
        for number in range(10):
            turned_away = replies.submission(f"turned-away-{number}", "bank", "h")
            with pytest.raises(TooManyInFlight), replies.waiting(turned_away, b"2"):
                pass
            assert replies.find(f"turned-away-{number}", "bank") is None
    assert replies.find("accepted", "bank") is not None
    assert replies.in_flight == 0


async def test_a_request_that_waits_hears_its_reply_though_newer_ones_displaced_its_application() -> None:
    replies = pending(max_in_flight=5, recent_max=1)
    with replies.waiting(replies.submission("old", "bank", "h"), b"1") as reply:
        remembered(replies, "new")
        assert replies.find("old", "bank") is None
        assert replies.resolve(b"1", REPLY)
        assert await reply == REPLY


async def test_a_block_that_ends_by_an_error_leaves_nobody_waiting() -> None:
    replies = pending()
    submission = replies.submission("a", "bank", "h")
    with pytest.raises(asyncio.CancelledError), replies.waiting(submission, b"1"):
        raise asyncio.CancelledError
    assert replies.in_flight == 0
    assert submission.waiters == []
