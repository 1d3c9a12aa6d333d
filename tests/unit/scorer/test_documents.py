from __future__ import annotations

import dataclasses
import json

import msgspec
import pytest

from contracts.errors import DeadLetterReason, ProblemDocument
from contracts.events import ModelVersion, decode_decision, decode_scored
from contracts.headers import ReplyAddress
from scorer.decide import Verdict
from scorer.documents import (
    Circumstances,
    dead_letter,
    decision_document,
    decision_reply,
    prediction,
    problem_reply,
)
from scorer.intake import Rejected
from scorer.records import InputRecord, OutputRecord
from tests.unit.scorer.arriving import accepted, asking, body, record, rejected

VERDICT = Verdict(
    margin=-2.5,
    probability_of_default=0.0731,
    score=612,
    decision="approve",
    reasons=(),
    feature_hash="f" * 64,
)
NOW = Circumstances(
    "sync", "scorer-1", ModelVersion("credit-risk", "7"), "d" * 64, "2026-01-01T00:00:00.000Z", 1_250, 3.5
)
ADDRESS = ReplyAddress(b"\x00\xff" * 8, "replies", 2)


def headers_of(written: OutputRecord) -> dict[str, bytes]:
    names = [name for name, _ in written.headers]
    assert len(names) == len(set(names))
    return {name: value or b"" for name, value in written.headers}


def test_the_decision_document_is_what_the_design_shows() -> None:
    document = json.loads(decision_document(accepted(record(headers={"application-id": b"a"})), VERDICT, NOW))
    assert document == {
        "application_id": "a",
        "applicant_id": 100_002,
        "status": "decided",
        "decision": "approve",
        "probability_of_default": 0.0731,
        "score": 612,
        "reasons": [],
        "model": {"name": "credit-risk", "version": "7"},
        "feature_snapshot": {"id": None, "as_of": None, "applicant_found": False},
        "decided_at": "2026-01-01T00:00:00.000Z",
    }


def test_a_prediction_embeds_the_decision_and_the_application_byte_for_byte() -> None:
    value = b'{ "x" : 1e0 ,' + body()[1:]
    one = accepted(record(7, value=value))
    decision = decision_document(one, VERDICT, NOW)
    written = prediction(one, VERDICT, decision, NOW)
    assert written.value is not None
    scored = decode_scored(written.value)
    assert bytes(scored.decision) == decision
    assert bytes(scored.application) == value
    assert (scored.source.topic, scored.source.partition, scored.source.offset) == ("applications", 1, 7)
    assert (scored.margin, scored.feature_hash, scored.model_digest) == (-2.5, "f" * 64, "d" * 64)
    assert (scored.timings.in_log_ms, scored.timings.deciding_ms) == (250, 3.5)


def test_a_prediction_is_keyed_by_the_applicant_whatever_key_the_input_had() -> None:
    one = accepted(record(key=b"something"))
    assert prediction(one, VERDICT, b"{}", NOW).key == b"100002"


def test_a_prediction_carries_the_callers_headers_and_no_reply_address() -> None:
    came = {"client-id": b"bank", "batch-id": b"b", "traceparent": b"t", "other": b"o", **asking()}
    written = headers_of(prediction(accepted(record(headers=came)), VERDICT, b"{}", NOW))
    assert set(written) == {"schema-version", "application-id", "client-id", "batch-id", "traceparent"}
    assert written["client-id"] == b"bank"


def test_a_clock_behind_the_logs_gives_no_negative_time() -> None:
    one = accepted(record())
    early = msgspec.json.decode(
        prediction(one, VERDICT, b"{}", Circumstances("sync", "s", NOW.model, "d", "t", 10, 1.0)).value or b""
    )
    assert early["timings"]["in_log_ms"] == 0


def test_a_reply_is_the_decision_under_the_correlation_id() -> None:
    one = accepted(record(headers={**asking(ADDRESS.correlation_id), "application-id": b"a"}))
    reply = decision_reply(one, b"decision")
    assert reply == OutputRecord(
        key=ADDRESS.correlation_id,
        value=b"decision",
        headers=[
            ("kafka_correlationId", ADDRESS.correlation_id),
            ("application-id", b"a"),
            ("status", b"200"),
            ("schema-version", b"1"),
        ],
    )


def test_nobody_waits_nobody_is_answered() -> None:
    assert decision_reply(accepted(record()), b"decision") is None
    assert problem_reply(rejected(record(value=b"{}"))) is None


def test_a_problem_reply_names_every_field_and_the_status_it_stands_for() -> None:
    reply = problem_reply(rejected(record(value=body(AMT_CREDIT="x", DAYS_BIRTH=1), headers=asking())))
    assert reply is not None
    document = msgspec.json.decode(reply.value or b"", type=ProblemDocument)
    assert {problem.field for problem in document.errors} == {"AMT_CREDIT", "DAYS_BIRTH"}
    written = headers_of(reply)
    assert written["status"] == str(document.status).encode() == b"422"
    assert written["content-type"] == b"application/problem+json"
    assert written["kafka_correlationId"] == b"c" * 16


@pytest.mark.parametrize("reason", DeadLetterReason)
def test_every_reason_for_a_dead_letter_has_a_status_to_reply(reason: DeadLetterReason) -> None:
    reply = problem_reply(Rejected(record(), "a", ADDRESS, reason, "detail"))
    assert reply is not None
    assert msgspec.json.decode(reply.value or b"", type=ProblemDocument).status in {410, 413, 422}


def test_a_dead_letter_is_the_input_untouched_with_why_and_whence() -> None:
    came = {
        "other": b"o",
        "client-id": b"bank",
        "application-id": b"a",
        "reason": b"an older one",
        **asking(),
    }
    letter = dead_letter(rejected(record(9, value=b"{}", headers=came)), attempts=1, first_seen="then")
    assert (letter.key, letter.value) == (b"100002", b"{}")
    written = headers_of(letter)
    assert written["detail"].startswith(b"SK_ID_CURR: ")
    del written["detail"]
    assert written == {
        "other": b"o",
        "client-id": b"bank",
        **asking(),
        "application-id": b"a",
        "reason": b"INVALID",
        "source-topic": b"applications",
        "source-partition": b"1",
        "source-offset": b"9",
        "attempts": b"1",
        "first-seen": b"then",
    }


MIB = 1_048_576


@pytest.mark.parametrize(
    "arrived",
    [
        record(value=b"x" * MIB),
        record(value=b"{}", key=b"x" * MIB),
        record(value=b"{}", headers={"other": b"x" * MIB}),
        record(value=None, key=None, headers={"client-id": b"x" * MIB}),
        record(value=b"x" * 50 * MIB, headers=asking(b"x" * MIB)),
    ],
)
def test_a_dead_letter_that_would_not_fit_in_a_record_is_cut_and_says_so(arrived: InputRecord) -> None:
    letter = dead_letter(rejected(arrived), attempts=1, first_seen="then")
    written = headers_of(letter)
    size = len(letter.key or b"") + len(letter.value or b"")
    assert size + sum(len(name) + len(value) for name, value in written.items()) < 950_000
    assert int(written["truncated-from-bytes"]) >= MIB
    assert (letter.value or b"") == (arrived.value or b"")[: len(letter.value or b"")]
    assert {"reason", "detail", "source-topic", "source-partition", "source-offset"} <= set(written)


def test_a_decision_reads_back_as_it_was_written() -> None:
    document = decision_document(accepted(record()), VERDICT, NOW)
    assert msgspec.json.encode(decode_decision(document)) == document


def test_a_dead_letter_keeps_headers_that_occur_twice_or_have_no_value() -> None:
    twice = (("x", b"1"), ("x", b"2"), ("empty", None))
    arrived = dataclasses.replace(record(value=b"?"), all_headers=twice)
    letter = dead_letter(rejected(arrived), attempts=1, first_seen="then")
    assert tuple(letter.headers[:3]) == twice
