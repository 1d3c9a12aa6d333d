"""The checker sees what it is for: a good history has no finding, and each planted fault its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts import headers
from scorer.intake import Accepted, Rejected
from tests.history.checker import check
from tests.history.events import Commit, History, LogRecord, Request
from tests.history.record import Record
from tests.simulation.schedule import played

Change = Callable[[History], History]


@pytest.fixture(scope="module")
def good() -> History:
    """What a schedule of the true protocol leaves: answers of every kind, dead letters, repeats."""
    history = played(7).history
    assert check(history) == []
    return history


def answered(history: History, status: int = 200, *, is_keyed: bool = False) -> Request:
    """A request with this answer."""
    return next(one for one in history.requests if one.status == status and (one.key or not is_keyed))


def with_request(history: History, old: Request, **changes: object) -> History:
    """The history with one request told differently."""
    told = replace(old, **changes)  # type: ignore[arg-type]
    return replace(history, requests=[told if one is old else one for one in history.requests])


def with_records(history: History, change: Callable[[LogRecord], LogRecord | None]) -> History:
    """The history with its records changed one by one; None leaves a record out."""
    return replace(history, records=[kept for one in history.records if (kept := change(one)) is not None])


def first_of(history: History, topic: str, wanted: Callable[[LogRecord], bool] = bool) -> LogRecord:
    """The first record of a topic that is wanted."""
    return next(one for one in history.topic(topic) if wanted(one))


def with_record(history: History, old: LogRecord, new: LogRecord | None) -> History:
    """The history with one record changed, or left out."""
    return with_records(history, lambda one: new if one is old else one)


def is_of(application_id: str | None) -> Callable[[LogRecord], bool]:
    """Whether a prediction is of an application."""
    return lambda one: json.loads(one.value or b"{}").get("application_id") == application_id


def other_decision(record: LogRecord) -> LogRecord:
    """The prediction with another decision in it."""
    told = json.loads(record.value or b"")
    told["decision"]["score"] += 1
    return replace(record, value=json.dumps(told).encode())


def header_changed(record: LogRecord, name: str, value: bytes) -> LogRecord:
    """The record with one header changed."""
    return replace(
        record, headers=tuple((one, value if one == name else kept) for one, kept in record.headers)
    )


def told_accepted_but_not_in_the_log(history: History) -> History:
    gone = answered(history).application_id
    ours = {(one.record.partition, one.record.offset) for one in _inputs(history, gone)}
    return with_records(
        history,
        lambda one: (
            None if one.topic == history.applications and (one.partition, one.offset) in ours else one
        ),
    )


def decision_not_written(history: History) -> History:
    wanted = is_of(answered(history).application_id)
    return with_records(history, lambda one: None if one.topic == "predictions" and wanted(one) else one)


def application_decided_that_nobody_sent(history: History) -> History:
    record = first_of(history, "predictions")
    told = json.loads(record.value or b"")
    told["application_id"] = told["decision"]["application_id"] = "nobody's"
    end = max(one.offset for one in history.topic("predictions"))
    return replace(
        history, records=[*history.records, replace(record, offset=end + 1, value=json.dumps(told).encode())]
    )


def second_decision_answered(history: History) -> History:
    """Somebody else's decision comes first in the log; the answer holds the later one."""
    record = first_of(history, "predictions", is_of(answered(history).application_id))
    earlier = replace(other_decision(record), offset=-1)
    return replace(history, records=[earlier, *history.records])


def reply_of_a_second_decision(history: History) -> History:
    reply = first_of(history, "replies", lambda one: one.header(headers.STATUS) == b"200")
    document = json.loads(reply.value or b"")
    document["score"] += 1
    return with_record(history, reply, replace(reply, value=json.dumps(document).encode()))


def two_answers_to_one_key(history: History) -> History:
    first = answered(history, is_keyed=True)
    document = json.loads(first.document or b"")
    document["score"] += 1
    again = replace(first, document=json.dumps(document).encode())
    return replace(history, requests=[*history.requests, again])


def answers_swapped(history: History) -> History:
    one = answered(history)
    other = next(r for r in history.requests if r.status == 200 and r.application_id != one.application_id)
    return with_request(with_request(history, one, document=other.document), other, document=one.document)


def reply_to_anothers_question(history: History) -> History:
    reply = first_of(history, "replies")
    other = first_of(
        history,
        "replies",
        lambda one: one.header(headers.APPLICATION_ID) != reply.header(headers.APPLICATION_ID),
    )
    correlation_id = other.header(headers.CORRELATION_ID) or b""
    return with_record(history, reply, header_changed(reply, headers.CORRELATION_ID, correlation_id))


def digest_of_another_version(history: History) -> History:
    def version(one: LogRecord) -> str:
        return str(json.loads(one.value or b"")["decision"]["model"]["version"])

    records = history.topic("predictions")
    shared = next(one for one in records if sum(version(other) == version(one) for other in records) > 1)
    told = {**json.loads(shared.value or b""), "model_digest": "e" * 64}
    return with_record(history, shared, replace(shared, value=json.dumps(told).encode()))


def other_bytes_answered(history: History) -> History:
    return with_request(history, answered(history, is_keyed=True), body_sha256="0" * 64)


def conflict_without_cause(history: History) -> History:
    bodies: dict[tuple[str, str | None], set[str]] = {}
    for one in history.requests:
        bodies.setdefault((one.client, one.key), set()).add(one.body_sha256)
    alone = next(one for one in history.requests if one.key and len(bodies[one.client, one.key]) == 1)
    return with_request(history, alone, status=409, document=None)


def decided_and_refused(history: History) -> History:
    quiet = [one for one in history.requests if one.sent_at >= history.quiet_from and one.status == 200]
    return with_request(history, quiet[0], status=202, document=None)


def committed_before_it_was_decided(history: History) -> History:
    record = next(one for one in history.topic("predictions") if one.offset == 0)
    source = json.loads(record.value or b"")["source"]["offset"]
    early = Commit(record.partition, source + 1, decided_end=0, dead_end=0)
    return replace(history, commits=[early, *history.commits])


def dead_letter_lost(history: History) -> History:
    letter = first_of(history, "applications-dlq", _is_poison)
    return with_record(history, letter, None)


def dead_letter_with_other_bytes(history: History) -> History:
    letter = first_of(history, "applications-dlq")
    return with_record(history, letter, replace(letter, value=b"something else"))


def dead_letter_without_a_reason(history: History) -> History:
    letter = first_of(history, "applications-dlq")
    return with_record(history, letter, header_changed(letter, headers.DLQ_REASON, b"because"))


def neighbour_put_aside(history: History) -> History:
    letter = first_of(history, "applications-dlq", _is_poison)
    decided = _inputs(history, answered(history).application_id)[0]
    for name, value in (
        (headers.APPLICATION_ID, decided.application_id.encode()),
        (headers.DLQ_SOURCE_PARTITION, str(decided.record.partition).encode()),
        (headers.DLQ_SOURCE_OFFSET, str(decided.record.offset).encode()),
        (headers.DLQ_REASON, b"SCORING_FAILED"),
    ):
        letter = header_changed(letter, name, value)
    extra = replace(letter, value=decided.record.value, offset=10_000)
    return replace(history, records=[*history.records, extra])


def _inputs(history: History, application_id: str | None) -> list[Accepted | Rejected]:
    found = Record(history).inputs.values()
    return [one for one in found if one.application_id == application_id]


def _is_poison(letter: LogRecord) -> bool:
    return letter.header(headers.DLQ_REASON) not in {b"SCORING_FAILED", b"SCORING_KILLED"}


PLANTED: dict[Change, str] = {
    told_accepted_but_not_in_the_log: "lost",
    decision_not_written: "undecided",
    application_decided_that_nobody_sent: "out of nowhere",
    second_decision_answered: "duplicate",
    reply_of_a_second_decision: "duplicate",
    two_answers_to_one_key: "divergent",
    answers_swapped: "cross-talk",
    reply_to_anothers_question: "cross-talk",
    digest_of_another_version: "version mix",
    other_bytes_answered: "conflict missed",
    conflict_without_cause: "conflict invented",
    decided_and_refused: "refused",
    committed_before_it_was_decided: "committed past",
    dead_letter_lost: "dead letter missing",
    dead_letter_with_other_bytes: "dead letter altered",
    dead_letter_without_a_reason: "dead letter without reason",
    neighbour_put_aside: "innocent put aside",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_seen(good: History, plant: Change) -> None:
    assert PLANTED[plant] in {finding.rule for finding in check(plant(good))}
