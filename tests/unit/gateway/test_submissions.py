from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from contracts import headers
from contracts.problems import InvalidApplication
from gateway.errors import IdempotencyConflict, LedgerUnavailable, NotAccepted, TooManyInFlight
from gateway.ledger_client import KeyUse
from gateway.log import LoggedSubmission
from gateway.pending import State
from tests.fake_logs import FakeApplicationLog, never
from tests.unit.gateway.submitting import DECISION, SOON_S, Inside, LedgerOfKeys, body, caller, header

pytestmark = pytest.mark.anyio


def refused(_: LoggedSubmission, acknowledged: asyncio.Future[Any]) -> None:
    acknowledged.set_exception(KafkaTimeoutError())


async def sent(inside: Inside, count: int = 1) -> LoggedSubmission:
    """The newest submission, once `count` are in the log."""
    async with asyncio.timeout(5):
        while len(inside.log.sent) < count:
            await asyncio.sleep(0)
    return inside.log.sent[-1][0]


async def test_the_reply_is_the_answer() -> None:
    inside = Inside()
    answering = asyncio.create_task(inside.submissions.submit(body(), caller()))
    inside.reply(await sent(inside))
    assert (await answering).reply == DECISION
    assert inside.is_empty()


async def test_the_body_goes_to_the_log_untouched_under_the_applicants_key() -> None:
    inside = Inside(deadline_s=SOON_S)
    content = b" " + body(100_007) + b"\n"
    answer = await inside.submissions.submit(content, caller(trace=b"00-ab-cd-01"))
    submission = await sent(inside)
    assert submission.value == content
    assert submission.key == b"100007"
    assert header(submission, headers.APPLICATION_ID).decode() == answer.application_id
    assert header(submission, headers.CLIENT_ID) == b"bank"
    assert header(submission, headers.REQUEST_HASH).decode() == hashlib.sha256(content).hexdigest()
    assert header(submission, headers.SCHEMA_VERSION) == b"1"
    assert header(submission, headers.TRACEPARENT) == b"00-ab-cd-01"
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", header(submission, headers.SUBMITTED_AT))


async def test_the_reply_is_asked_to_this_gateways_partition_with_sixteen_bytes() -> None:
    inside = Inside(deadline_s=SOON_S)
    await inside.submissions.submit(body(), caller())
    submission = await sent(inside)
    assert header(submission, headers.REPLY_TOPIC) == b"replies"
    assert header(submission, headers.REPLY_PARTITION) == b"\x00\x00\x00\x03"
    assert len(header(submission, headers.CORRELATION_ID)) == 16
    assert headers.TRACEPARENT not in dict(submission.headers)


async def test_accepted_but_not_decided_in_time_is_no_reply_and_stays_known() -> None:
    inside = Inside(deadline_s=SOON_S)
    answer = await inside.submissions.submit(body(), caller())
    assert answer.reply is None
    known = inside.pending.find(answer.application_id, "bank")
    assert known is not None
    assert known.state is State.ACCEPTED
    assert inside.is_empty()


async def test_a_reply_after_the_deadline_is_found_by_its_id() -> None:
    inside = Inside(deadline_s=SOON_S)
    answer = await inside.submissions.submit(body(), caller())
    inside.reply(await sent(inside))
    known = inside.pending.find(answer.application_id, "bank")
    assert known is not None
    assert known.reply == DECISION


async def test_no_acknowledgement_within_the_deadline_is_not_accepted() -> None:
    inside = Inside(deadline_s=SOON_S, log=FakeApplicationLog(never))
    with pytest.raises(NotAccepted) as error:
        await inside.submissions.submit(body(), caller())
    assert inside.pending.find(error.value.application_id, "bank") is not None
    assert inside.is_empty()


async def test_a_failed_acknowledgement_is_told_at_once_not_at_the_deadline() -> None:
    inside = Inside(log=FakeApplicationLog(refused))
    with pytest.raises(NotAccepted):
        await inside.submissions.submit(body(), caller())
    assert inside.is_empty()


async def test_a_log_that_does_not_even_take_the_submission_ends_at_the_deadline() -> None:
    class FullLog(FakeApplicationLog):
        async def send(self, submission: LoggedSubmission) -> asyncio.Future[Any]:
            await asyncio.Event().wait()
            raise AssertionError

    inside = Inside(deadline_s=SOON_S, log=FullLog())
    with pytest.raises(NotAccepted):
        await inside.submissions.submit(body(), caller())
    assert inside.is_empty()


async def test_an_acknowledgement_after_the_deadline_makes_it_accepted() -> None:
    inside = Inside(deadline_s=SOON_S, log=FakeApplicationLog(never))
    with pytest.raises(NotAccepted) as error:
        await inside.submissions.submit(body(), caller())
    known = inside.pending.find(error.value.application_id, "bank")
    assert known is not None
    assert known.acknowledged is not None
    inside.log.sent[0][1].set_result(None)
    await known.acknowledged
    assert known.state is State.ACCEPTED


async def test_a_failed_acknowledgement_after_the_reply_does_not_undo_it() -> None:
    inside = Inside(log=FakeApplicationLog(never))
    answering = asyncio.create_task(inside.submissions.submit(body(), caller()))
    submission = await sent(inside)
    inside.reply(submission)
    inside.log.sent[0][1].set_exception(KafkaTimeoutError())
    assert (await answering).reply == DECISION


async def test_the_same_key_and_bytes_get_the_recorded_answer_without_another_record() -> None:
    inside = Inside()
    first = asyncio.create_task(inside.submissions.submit(body(), caller("k")))
    inside.reply(await sent(inside))
    assert await inside.submissions.submit(body(), caller("k")) == await first
    assert len(inside.log.sent) == 1


async def test_an_accepted_application_is_waited_for_again_not_written_again() -> None:
    inside = Inside(deadline_s=SOON_S)
    first = await inside.submissions.submit(body(), caller("k"))
    again = await inside.submissions.submit(body(), caller("k"))
    assert again == first
    assert len(inside.log.sent) == 1


async def test_an_application_that_the_log_still_holds_is_not_written_again() -> None:
    inside = Inside(deadline_s=SOON_S, log=FakeApplicationLog(never))
    for _ in range(2):
        with pytest.raises(NotAccepted):
            await inside.submissions.submit(body(), caller("k"))
    assert len(inside.log.sent) == 1


async def test_an_application_that_the_log_refused_is_written_again_under_the_same_id() -> None:
    inside = Inside(log=FakeApplicationLog(refused))
    for _ in range(2):
        with pytest.raises(NotAccepted):
            await inside.submissions.submit(body(), caller("k"))
    written = {header(one, headers.APPLICATION_ID) for one, _ in inside.log.sent}
    assert len(inside.log.sent) == 2
    assert len(written) == 1


async def test_copies_that_come_together_are_written_once_and_answered_alike() -> None:
    inside = Inside(max_in_flight=64)
    copies = [asyncio.create_task(inside.submissions.submit(body(), caller("k"))) for _ in range(50)]
    inside.reply(await sent(inside))
    answers = await asyncio.gather(*copies)
    assert len(inside.log.sent) == 1
    assert {answer.reply for answer in answers} == {DECISION}


async def test_the_same_key_with_other_bytes_is_a_conflict_and_no_record() -> None:
    inside = Inside(deadline_s=SOON_S)
    await inside.submissions.submit(body(), caller("k"))
    with pytest.raises(IdempotencyConflict):
        await inside.submissions.submit(body(AMT_CREDIT=12.5), caller("k"))
    assert len(inside.log.sent) == 1


async def test_bytes_that_are_the_key_s_in_the_log_are_not_turned_away_for_others_that_were_seen_here() -> (
    None
):
    ledger = LedgerOfKeys()
    inside = Inside(deadline_s=SOON_S, ledger=ledger)
    second = await inside.submissions.submit(body(AMT_CREDIT=12.5), caller("k"))
    first_hash = hashlib.sha256(body()).hexdigest()
    ledger.uses["bank", "k"] = KeyUse(second.application_id, first_hash, None)
    assert (await inside.submissions.submit(body(), caller("k"))).application_id == second.application_id
    with pytest.raises(IdempotencyConflict):
        await inside.submissions.submit(body(AMT_CREDIT=12.5), caller("k"))
    assert len(inside.log.sent) == 1


async def test_bytes_that_are_decided_here_turn_others_away_without_asking() -> None:
    ledger = LedgerOfKeys()
    inside = Inside(ledger=ledger)
    first = asyncio.create_task(inside.submissions.submit(body(), caller("k")))
    inside.reply(await sent(inside))
    decided = await first
    other_hash = hashlib.sha256(body(AMT_CREDIT=12.5)).hexdigest()
    ledger.uses["bank", "k"] = KeyUse(decided.application_id, other_hash, None)
    with pytest.raises(IdempotencyConflict):
        await inside.submissions.submit(body(AMT_CREDIT=12.5), caller("k"))


async def test_a_ledger_that_does_not_answer_by_the_deadline_is_a_ledger_that_is_away() -> None:
    ledger = LedgerOfKeys()
    ledger.is_silent = True
    inside = Inside(deadline_s=SOON_S, ledger=ledger)
    with pytest.raises(LedgerUnavailable):
        await inside.submissions.submit(body(), caller("k"))
    assert inside.log.sent == []
    assert inside.is_empty()


async def test_who_waits_for_the_ledger_takes_a_place_too() -> None:
    ledger = LedgerOfKeys()
    ledger.is_silent = True
    inside = Inside(max_in_flight=1, ledger=ledger)
    asking = asyncio.create_task(inside.submissions.submit(body(), caller("k")))
    await asyncio.sleep(0)
    with pytest.raises(TooManyInFlight):
        await inside.submissions.submit(body(), caller("another"))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert inside.is_empty()


async def test_two_clients_with_the_same_key_have_two_applications() -> None:
    inside = Inside(deadline_s=SOON_S)
    one = await inside.submissions.submit(body(), caller("k", client="bank"))
    other = await inside.submissions.submit(body(), caller("k", client="broker"))
    assert one.application_id != other.application_id


async def test_without_a_key_the_same_bytes_are_two_applications() -> None:
    inside = Inside(deadline_s=SOON_S)
    answers = [await inside.submissions.submit(body(), caller()) for _ in range(2)]
    assert len({answer.application_id for answer in answers}) == 2
    assert {uuid.UUID(answer.application_id).version for answer in answers} == {7}


async def test_more_than_may_wait_are_turned_away_and_not_written() -> None:
    inside = Inside(max_in_flight=2)
    waiting = [asyncio.create_task(inside.submissions.submit(body(), caller())) for _ in range(2)]
    await sent(inside, 2)
    with pytest.raises(TooManyInFlight):
        await inside.submissions.submit(body(), caller())
    assert len(inside.log.sent) == 2
    for submission, _ in inside.log.sent:
        inside.reply(submission)
    assert [answer.reply for answer in await asyncio.gather(*waiting)] == [DECISION, DECISION]


async def test_a_recorded_answer_needs_no_place_in_the_queue() -> None:
    inside = Inside(max_in_flight=1)
    first = asyncio.create_task(inside.submissions.submit(body(), caller("k")))
    inside.reply(await sent(inside))
    await first
    waiting = asyncio.create_task(inside.submissions.submit(body(), caller()))
    inside_second = await sent(inside, 2)
    assert (await inside.submissions.submit(body(), caller("k"))).reply == DECISION
    inside.reply(inside_second)
    await waiting


async def test_an_invalid_application_is_refused_before_anything_is_remembered_or_written() -> None:
    inside = Inside()
    with pytest.raises(InvalidApplication):
        await inside.submissions.submit(b'{"SK_ID_CURR": "me"}', caller("k"))
    assert inside.log.sent == []
    assert inside.is_empty()


async def test_a_client_that_goes_away_leaves_nothing_behind_but_its_application() -> None:
    inside = Inside()
    gone = asyncio.create_task(inside.submissions.submit(body(), caller()))
    submission = await sent(inside)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert inside.is_empty()
    assert inside.reply(submission)


async def test_copies_that_come_while_the_ledger_is_asked_wait_for_its_one_answer() -> None:
    ledger = LedgerOfKeys()
    ledger.may_answer.clear()
    inside = Inside(ledger=ledger)
    leaving, *copies = [asyncio.create_task(inside.submissions.submit(body(), caller("k"))) for _ in range(5)]
    await turns()
    leaving.cancel()  # the one that asked
    await turns()
    ledger.may_answer.set()
    inside.reply(await sent(inside))
    assert len({(await copy).application_id for copy in copies}) == 1
    assert ledger.asked == [("bank", "k")]
    await turns()
    with pytest.raises(IdempotencyConflict):
        await inside.submissions.submit(body(AMT_CREDIT=12.5), caller("k"))
    assert len(inside.log.sent) == 1


async def turns() -> None:
    """Let everybody go on who can."""
    for _ in range(10):
        await asyncio.sleep(0)
