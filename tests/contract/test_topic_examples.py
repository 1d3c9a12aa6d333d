"""Every topic that has a schema has golden records, and each reads and writes back the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import contracts
from contracts import events, headers
from contracts.application import decode_logged, decode_submitted
from contracts.errors import DeadLetterReason, ProblemDocument, ProblemType
from contracts.events import (
    decode_decision,
    decode_drift_reported,
    decode_outcome,
    decode_promoted,
    decode_scored,
    decode_snapshot_published,
    encode,
)
from contracts.topics import APPLICATIONS, APPLICATIONS_BATCH, APPLICATIONS_DLQ, PREDICTIONS, TOPICS, Topic
from scorer.documents import dead_letter
from scorer.intake import Rejected, take_in
from scorer.records import InputRecord

EXAMPLES = Path(contracts.__file__).parent / "examples"
#: Lanes share their input's schema, and one folder has its examples.
FOLDER = {APPLICATIONS_BATCH.name: APPLICATIONS.name}

_problem = msgspec.json.Decoder(ProblemDocument, strict=True).decode


def _reply(raw: bytes) -> msgspec.Struct:
    return _problem(raw) if b'"urn:scorestream:problem:' in raw[:60] else decode_decision(raw)


DECODERS: dict[str, Callable[[bytes], msgspec.Struct]] = {
    "predictions": decode_scored,
    "predictions-batch": decode_scored,
    "replies": _reply,
    "model-promotions": decode_promoted,
    "feature-snapshots": decode_snapshot_published,
    "outcomes": decode_outcome,
    "drift-reports": decode_drift_reported,
}


def golden(topic: str) -> list[Path]:
    return sorted((EXAMPLES / topic / "v1").glob("*.json"))


def value(path: Path) -> bytes:
    """The record's value byte for byte; the file ends with a line feed of its own."""
    return path.read_bytes().removesuffix(b"\n")


def _has_schema(topic: Topic) -> bool:
    is_event = topic.value.isidentifier()
    return not is_event or hasattr(events, topic.value)


@pytest.mark.parametrize(
    "topic", [topic for topic in TOPICS if _has_schema(topic)], ids=lambda topic: topic.name
)
def test_no_topic_with_a_schema_is_forgotten(topic: Topic) -> None:
    folder = FOLDER.get(topic.name, topic.name)
    assert golden(folder)
    assert folder in {*DECODERS, APPLICATIONS.name, APPLICATIONS_DLQ.name}


def test_no_example_is_of_a_topic_that_is_not_there() -> None:
    assert {folder.name for folder in EXAMPLES.iterdir()} <= {topic.name for topic in TOPICS}


@pytest.mark.parametrize(
    ("topic", "path"),
    [(topic, path) for topic in DECODERS for path in golden(topic)],
    ids=lambda part: part.stem if isinstance(part, Path) else part,
)
def test_a_golden_record_reads_and_writes_back_byte_for_byte(topic: str, path: Path) -> None:
    raw = value(path)
    assert encode(DECODERS[topic](raw)) == raw


@pytest.mark.parametrize("path", golden("applications"), ids=lambda path: path.stem)
def test_a_golden_application_is_taken_over_http_and_from_a_topic(path: Path) -> None:
    assert decode_logged(path.read_bytes()).application == decode_submitted(path.read_bytes())


@pytest.mark.parametrize(
    "path", [*golden("predictions"), *golden("predictions-batch")], ids=lambda path: path.stem
)
def test_a_golden_prediction_agrees_with_itself(path: Path) -> None:
    scored = decode_scored(value(path))
    decision = decode_decision(bytes(scored.decision))
    application = decode_logged(bytes(scored.application)).application
    assert decision.application_id == scored.application_id
    assert decision.applicant_id == application.SK_ID_CURR
    assert hashlib.sha256(bytes(scored.application)).hexdigest() == scored.request_hash
    assert scored.source.topic == (APPLICATIONS if scored.lane == "sync" else APPLICATIONS_BATCH).name
    assert path.parent.parent.name == (PREDICTIONS.name if scored.lane == "sync" else "predictions-batch")
    assert bool(decision.reasons) == (decision.decision != "approve")


def test_the_golden_decision_reply_is_the_one_in_its_prediction() -> None:
    reply = value(EXAMPLES / "replies" / "v1" / "decision.json")
    recorded = {bytes(decode_scored(value(path)).decision) for path in golden("predictions")}
    assert reply in recorded


def test_the_golden_problem_reply_is_of_a_known_kind_and_names_its_fields() -> None:
    document = _problem(value(EXAMPLES / "replies" / "v1" / "problem.json"))
    assert ProblemType(document.type) is ProblemType.INVALID_APPLICATION
    assert document.errors


@pytest.mark.parametrize("path", golden("applications-dlq"), ids=lambda path: path.stem)
def test_a_golden_dead_letter_is_what_the_scorer_writes_for_its_input(path: Path) -> None:
    letter: dict[str, Any] = json.loads(path.read_bytes())
    said: dict[str, str] = letter["headers"]
    assert DeadLetterReason(said[headers.DLQ_REASON])
    came = {name: said[name].encode() for name in (headers.APPLICATION_ID, headers.CLIENT_ID)}
    source = InputRecord(
        topic=said[headers.DLQ_SOURCE_TOPIC],
        partition=int(said[headers.DLQ_SOURCE_PARTITION]),
        offset=int(said[headers.DLQ_SOURCE_OFFSET]),
        key=letter["key"].encode(),
        value=letter["value"].encode(),
        headers=came,
        timestamp_ms=0,
    )
    finding = take_in(source, reply_topics=frozenset(), max_value_bytes=65_536)
    assert isinstance(finding, Rejected)
    written = dead_letter(finding, attempts=1, first_seen=said[headers.DLQ_FIRST_SEEN])
    assert {name: (text or b"").decode() for name, text in written.headers} == said
    assert (written.key, written.value) == (source.key, source.value)
