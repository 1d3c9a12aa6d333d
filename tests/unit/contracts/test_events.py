from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    ApplicationScored,
    DecisionDocument,
    ModelPromoted,
    ModelVersion,
    Reason,
    SnapshotUsed,
    SourceRecord,
    Timings,
    decode_decision,
    decode_promoted,
    decode_scored,
    encode,
)

_text = st.text(st.characters(codec="utf-8"), max_size=20)
_number = st.floats(allow_nan=False, allow_infinity=False)
_count = st.integers(0, 2**53)
_reasons = st.builds(Reason, code=_text, text=_text, rank=st.integers(1, 4))
_decisions = st.builds(
    DecisionDocument,
    application_id=_text,
    applicant_id=_count,
    decision=st.sampled_from(["approve", "refer", "decline"]),
    probability_of_default=st.floats(0, 1),
    score=st.integers(300, 850),
    reasons=st.lists(_reasons, max_size=4).map(tuple),
    model=st.builds(ModelVersion, name=_text, version=_text),
    feature_snapshot=st.builds(
        SnapshotUsed, id=st.none() | _text, as_of=st.none() | _text, applicant_found=st.booleans()
    ),
    decided_at=_text,
)
_promotions = st.builds(
    ModelPromoted,
    name=_text,
    version=_text,
    digest=_text,
    bundle_uri=_text,
    promoted_at=_text,
    promoted_by=_text,
    run_id=st.none() | _text,
    metrics=st.dictionaries(_text, _number, max_size=3),
    cut_offs=st.dictionaries(_text, _number, max_size=3),
    snapshot_id=st.none() | _text,
)


@given(_decisions)
def test_a_decision_reads_back_equal_and_repeats_its_bytes(decision: DecisionDocument) -> None:
    raw = encode(decision)
    assert decode_decision(raw) == decision
    assert encode(decode_decision(raw)) == raw


@given(_promotions)
def test_a_promotion_reads_back_equal(promotion: ModelPromoted) -> None:
    assert decode_promoted(encode(promotion)) == promotion


@given(_decisions, st.dictionaries(_text, _number, max_size=3), _number, _count)
def test_a_prediction_embeds_both_documents_untouched(
    decision: DecisionDocument, application: dict[str, float], margin: float, offset: int
) -> None:
    document = b" " + encode(decision)
    submitted = msgspec.json.format(msgspec.json.encode(application), indent=3)
    scored = ApplicationScored(
        application_id="a",
        decision=msgspec.Raw(document),
        application=msgspec.Raw(submitted),
        request_hash="h",
        feature_hash="f",
        margin=margin,
        model_digest="d",
        source=SourceRecord("applications", 1, offset),
        lane="sync",
        scorer="s",
        timings=Timings(0.5, 1.5),
    )
    read = decode_scored(encode(scored))
    assert bytes(read.decision).strip() == document.strip()
    assert bytes(read.application) == submitted
    assert (read.margin, read.source) == (margin, scored.source)


@pytest.mark.parametrize("decode", [decode_decision, decode_scored, decode_promoted])
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"7", b"{}", b'{"name": 1}'])
def test_what_is_no_such_event_is_one_kind_of_error(decode: Any, raw: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(raw)


def test_a_field_of_a_newer_producer_is_ignored() -> None:
    raw = encode(
        ModelPromoted(name="n", version="1", digest="d", bundle_uri="u", promoted_at="t", promoted_by="p")
    )
    newer = raw[:-1] + b',"field_of_tomorrow":[1]}'
    assert decode_promoted(newer) == decode_promoted(raw)


def test_no_decision_but_the_three_is_read() -> None:
    raw = (
        b'{"application_id":"a","applicant_id":1,"decision":"perhaps","probability_of_default":0.1,"score":1,'
        b'"reasons":[],"model":{"name":"n","version":"1"},'
        b'"feature_snapshot":{"id":null,"as_of":null,"applicant_found":false},"decided_at":"t"}'
    )
    with pytest.raises(msgspec.ValidationError, match="decision"):
        decode_decision(raw)
