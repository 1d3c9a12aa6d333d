"""A schedule told line by line, for who looks for the cause of a finding."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.events import decode_scored
from tests.history.events import LogRecord
from tests.history.record import taken
from tests.simulation.world import World


def tell(world: World) -> Iterator[str]:
    """What happened, by the clock; then the findings. Application ids are cut to what tells them apart."""
    lines = [
        (at, f"{what} {' '.join(f'{name}={fact}' for name, fact in facts.items())}")
        for at, what, facts in world.notes
    ]
    lines += [
        (record.timestamp_ms / 1000, f"{record.topic}[{record.partition}] {record.offset}: {_about(record)}")
        for record in world.history.records
    ]
    lines += [
        (
            request.sent_at,
            f"{request.client} {request.key} {request.body_sha256[:6]} -> {request.gateway}: "
            f"{request.status} {(request.application_id or '')[:8]} at {request.answered_at or 0:.3f} "
            f"{_number(request.document or b'')}",
        )
        for request in world.requests
    ]
    for at, line in sorted(lines):
        yield f"{at:8.3f}  {line}"
    for finding in world.findings:
        yield f"FINDING   {finding.rule}: {finding.application_id} {finding.seen}"


def _about(record: LogRecord) -> str:
    if record.topic == "predictions":
        scored = decode_scored(record.value or b"")
        return (
            f"{scored.application_id[:8]} {scored.request_hash[:6]} {_number(bytes(scored.decision))} "
            f"of {scored.source.offset} by {scored.scorer}"
        )
    if record.topic == "applications":
        finding = taken(record)
        return f"{finding.application_id[:8]} {getattr(finding, 'request_hash', 'poison')[:6]}"
    said = {name: (value or b"") for name, value in record.headers}
    words = [
        said.get(name, b"").decode("ascii", "replace")
        for name in ("status", "reason", "source-offset", "attempts")
    ]
    return f"{said.get('application-id', b'').decode()[:8]} {' '.join(words)} {_number(record.value or b'')}"


def _number(document: bytes) -> str:
    start = document.find(b"scoring ")
    return document[start : start + 14].split(b'"')[0].decode() if start >= 0 else ""
