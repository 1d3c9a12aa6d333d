"""Where a history breaks a promise. Pure: a history in, findings out; no findings, no broken promise.

Each rule is one function from a history and what its log says to findings; `RULES` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from contracts import headers
from contracts.errors import DeadLetterReason
from contracts.events import decode_decision
from contracts.identity import application_id_for_key
from gateway.ledger_client import key_hash
from scorer.intake import Accepted, Rejected
from tests.history.events import History
from tests.history.record import DeadLetter, Record

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: which, of which application, and what was seen."""

    rule: str
    application_id: str
    seen: str


def check(history: History) -> list[Finding]:
    """Every broken promise of the history."""
    record = Record(history)
    return [finding for rule in RULES for finding in rule(history, record)]


def lost(history: History, record: Record) -> Iterator[Finding]:
    """A client was told that its application is accepted, and the log does not have it."""
    known = {application_id for _, application_id in record.accepted}
    for request in history.requests:
        if request.status in {200, 202} and request.application_id not in known:
            yield Finding("lost", request.application_id or "", f"answered {request.status}")


def undecided(_: History, record: Record) -> Iterator[Finding]:
    """An accepted application is neither decided nor dead: accepted = decided + dead must hold."""
    for identity in record.accepted:
        if record.decision(identity) is None and identity not in record.dead:
            yield Finding("undecided", identity[1], f"partition {identity[0]}")
    for source, finding in record.inputs.items():
        if isinstance(finding, Rejected) and source not in record.buried:
            yield Finding("dead letter missing", finding.application_id, f"source {source}")


def out_of_nowhere(_: History, record: Record) -> Iterator[Finding]:
    """A decision or a dead letter is of an application that nobody sent."""
    for identity in [*record.predictions, *record.dead]:
        if identity not in record.accepted:
            yield Finding("out of nowhere", identity[1], f"partition {identity[0]}")


def duplicate(history: History, record: Record) -> Iterator[Finding]:
    """A second decision became visible: an answer or a reply is not the decision of record."""
    for request in history.requests:
        if request.status == 200:
            of_record = [one.document for one in record.decisions(request.application_id or "")]
            if request.document not in of_record:
                yield Finding("duplicate", request.application_id or "", "an answer is not of record")
    for reply in history.topic("replies"):
        application_id = (reply.header(headers.APPLICATION_ID) or b"").decode()
        if reply.header(headers.STATUS) == b"200":
            of_record = [one.document for one in record.decisions(application_id)]
            if reply.value not in of_record:
                yield Finding("duplicate", application_id, f"reply {reply.offset} is not of record")


def divergent(history: History, _: Record) -> Iterator[Finding]:
    """One client key (or one id, without) was answered with two decisions."""
    first: dict[tuple[str, str], bytes | None] = {}
    for request in history.requests:
        if request.status == 200:
            identity = (request.client, request.key or request.application_id or "")
            if first.setdefault(identity, request.document) != request.document:
                yield Finding("divergent", request.application_id or "", "two answers, two decisions")


def cross_talk(history: History, record: Record) -> Iterator[Finding]:
    """An answer is about somebody else's application, or a reply went to somebody else's question."""
    for request in history.requests:
        asked_for = request.application_id, request.applicant
        if request.status == 200 and request.document is not None and _about(request.document) != asked_for:
            yield Finding("cross-talk", request.application_id or "", "an answer about another")
    asked: dict[bytes, set[str]] = {}
    for finding in record.inputs.values():
        if finding.reply_to is not None:
            asked.setdefault(finding.reply_to.correlation_id, set()).add(finding.application_id)
    for reply in history.topic("replies"):
        application_id = (reply.header(headers.APPLICATION_ID) or b"").decode()
        if application_id not in asked.get(reply.header(headers.CORRELATION_ID) or b"", ()):
            yield Finding("cross-talk", application_id, f"reply {reply.offset} answers another's question")
        elif reply.header(headers.STATUS) == b"200" and _about(reply.value)[0] != application_id:
            yield Finding("cross-talk", application_id, f"reply {reply.offset} holds another's decision")


def version_mix(history: History, record: Record) -> Iterator[Finding]:
    """A decision names a model version, and its record the digest of another."""
    digests: dict[str, str] = {}
    for identity, found in record.predictions.items():
        for one in found:
            if digests.setdefault(one.version, one.model_digest) != one.model_digest:
                yield Finding("version mix", identity[1], f"version {one.version}, {one.model_digest[:12]}")


def conflict_missed(history: History, record: Record) -> Iterator[Finding]:
    """Other bytes under a used key were answered with the decision about the first ones."""
    for request in history.requests:
        if request.status == 200:
            hashes = {one.request_hash for one in record.decisions(request.application_id or "")}
            if hashes and request.body_sha256 not in hashes:
                yield Finding("conflict missed", request.application_id or "", "200 for other bytes")
    asked = {
        finding.reply_to.correlation_id: finding.request_hash
        for finding in record.inputs.values()
        if isinstance(finding, Accepted) and finding.reply_to is not None
    }
    for reply in history.topic("replies"):
        application_id = (reply.header(headers.APPLICATION_ID) or b"").decode()
        hashes = {one.request_hash for one in record.decisions(application_id)}
        sent = asked.get(reply.header(headers.CORRELATION_ID) or b"")
        if reply.header(headers.STATUS) == b"200" and hashes and sent and sent not in hashes:
            yield Finding("conflict missed", application_id, f"reply {reply.offset}: 200 for other bytes")


def conflict_invented(history: History, _: Record) -> Iterator[Finding]:
    """A 409 without other bytes or another applicant under the same key."""
    used: dict[tuple[str, str], set[tuple[str, int]]] = {}
    for request in history.requests:
        if request.key is not None:
            used.setdefault((request.client, request.key), set()).add(
                (request.body_sha256, request.applicant)
            )
    for request in history.requests:
        if request.status == 409 and len(used.get((request.client, request.key or ""), ())) < 2:
            yield Finding("conflict invented", request.application_id or "", "409 for the first bytes")


def refused(history: History, record: Record) -> Iterator[Finding]:
    """In quiet times a client sends what was decided, and does not get the decision."""
    owners: dict[bytes | None, set[str]] = {}
    for finding in record.inputs.values():
        hashed = finding.record.headers.get(headers.IDEMPOTENCY_KEY_HASH)
        owners.setdefault(hashed, set()).add(finding.application_id)
    for request in history.requests:
        if request.sent_at < history.quiet_from or request.key is None:
            continue
        # One key for two applicants at once: whichever the ledger met first owns it.
        if len(owners.get(key_hash(request.client, request.key).encode(), ())) > 1:
            continue
        application_id = application_id_for_key(
            client_id=request.client, idempotency_key=request.key, applicant_id=request.applicant
        )
        for decision in record.decisions(application_id):
            if request.body_sha256 == decision.request_hash and request.status != 200:
                yield Finding("refused", application_id, f"answered {request.status} by {request.gateway}")


def committed_past(history: History, record: Record) -> Iterator[Finding]:
    """An offset was committed before all that lies before it was decided or put aside."""
    settled: dict[int, dict[str, int]] = {}
    for (partition, application_id), found in record.predictions.items():
        settled.setdefault(partition, {})[application_id] = found[0].offset
    checked: dict[int, int] = {}
    for commit in history.commits:
        for offset in range(checked.get(commit.partition, 0), commit.offset):
            found_there = record.inputs.get((commit.partition, offset))
            if found_there is None:
                continue
            application_id = found_there.application_id
            decided_at = settled.get(commit.partition, {}).get(application_id, commit.decided_end)
            dead_at = record.dead.get((commit.partition, application_id), commit.dead_end)
            if isinstance(found_there, Rejected):
                decided_at = commit.decided_end
                dead_at = record.buried.get((commit.partition, offset), commit.dead_end)
            if decided_at >= commit.decided_end and dead_at >= commit.dead_end:
                yield Finding("committed past", application_id, f"offset {offset} of {commit.partition}")
        checked[commit.partition] = max(checked.get(commit.partition, 0), commit.offset)


def dead_letters(history: History, record: Record) -> Iterator[Finding]:
    """A dead letter says no reason, is not its input's bytes, or put aside what could be decided."""
    values = {(one.partition, one.offset): one.value for one in history.topic(history.applications)}
    for letter in record.letters:
        if letter.reason is None or letter.detail is None:
            yield Finding("dead letter without reason", letter.application_id, "no reason or no detail")
        elif letter.source not in values or values[letter.source] != letter.value:
            yield Finding("dead letter altered", letter.application_id, f"source {letter.source}")
        elif not _is_guilty(history, letter, record.inputs[letter.source]):
            yield Finding("innocent put aside", letter.application_id, letter.reason)


def _is_guilty(history: History, letter: DeadLetter, found: Accepted | Rejected) -> bool:
    if isinstance(found, Rejected):
        return letter.reason == found.reason.value
    if letter.reason == DeadLetterReason.SCORING_FAILED.value:
        return found.request_hash in history.may_fail
    may_kill = found.request_hash in history.may_kill or letter.source in history.framed
    return letter.reason == DeadLetterReason.SCORING_KILLED.value and may_kill and letter.attempts >= _TRIES


def _about(document: bytes | None) -> tuple[str, int]:
    """Which application and applicant a decision is about."""
    try:
        decided = decode_decision(document or b"")
    except msgspec.MsgspecError:
        return "", 0
    return decided.application_id, decided.applicant_id


RULES: tuple[Callable[[History, Record], Iterator[Finding]], ...] = (
    lost,
    undecided,
    out_of_nowhere,
    duplicate,
    divergent,
    cross_talk,
    version_mix,
    conflict_missed,
    conflict_invented,
    refused,
    committed_past,
    dead_letters,
)
