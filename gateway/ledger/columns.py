"""Between a row of the domain and the columns of its table. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.ledger.facts import Accepted, Dead, Decided, Fact, Position
from gateway.ledger.rules import Row


def to_columns(row: Row) -> dict[str, Any]:
    """Every column of `applications` for `row`."""
    accepted, decided, dead, origin = row.accepted, row.decided, row.dead, row.origin
    return {
        "application_id": row.application_id,
        "month": row.month,
        "status": row.status.value,
        "placed_at_ms": origin.at_ms,
        "client_id": origin.client_id,
        "applicant_id": row.applicant_id,
        "batch_id": origin.batch_id,
        "request_hash": row.request_hash,
        "key_hash": accepted and accepted.key_hash,
        **_place("accepted", accepted),
        **_place("decided", decided),
        "decided_source_partition": decided and decided.source_partition,
        "decided_source_offset": decided and decided.source_offset,
        "decision": decided and decided.decision,
        **_place("dead", dead),
        "dead_source_partition": dead and dead.source_partition,
        "dead_source_offset": dead and dead.source_offset,
        "dead_reason": dead and dead.reason,
        "dead_detail": dead and dead.detail,
        "dead_attempts": dead and dead.attempts,
    }


def from_columns(columns: Mapping[str, Any]) -> Row:
    """The row in `columns`.

    All its facts get the row's client, applicant, batch and hash. That loses nothing that can matter:
    facts never go away, so a lower fact's own values stay hidden behind the higher one's.
    """
    common = {
        name: columns[name]
        for name in ("application_id", "client_id", "applicant_id", "batch_id", "request_hash")
    }
    accepted, decided, dead = (_position(columns, kind) for kind in ("accepted", "decided", "dead"))
    return Row(
        application_id=columns["application_id"],
        accepted=None
        if accepted is None
        else Accepted(
            position=accepted, at_ms=columns["accepted_at_ms"], key_hash=columns["key_hash"], **common
        ),
        decided=None
        if decided is None
        else Decided(
            position=decided,
            at_ms=columns["decided_at_ms"],
            decision=bytes(columns["decision"]),
            source_partition=columns["decided_source_partition"],
            source_offset=columns["decided_source_offset"],
            **common,
        ),
        dead=None
        if dead is None
        else Dead(
            position=dead,
            at_ms=columns["dead_at_ms"],
            reason=columns["dead_reason"],
            detail=columns["dead_detail"],
            attempts=columns["dead_attempts"],
            source_partition=columns["dead_source_partition"],
            source_offset=columns["dead_source_offset"],
            **common,
        ),
    )


def _place(kind: str, fact: Fact | None) -> dict[str, int | None]:
    return {
        f"{kind}_at_ms": None if fact is None else fact.at_ms,
        f"{kind}_order_ms": None if fact is None else fact.position.order_ms,
        f"{kind}_partition": None if fact is None else fact.position.partition,
        f"{kind}_offset": None if fact is None else fact.position.offset,
    }


def _position(columns: Mapping[str, Any], kind: str) -> Position | None:
    if columns[f"{kind}_offset"] is None:
        return None
    return Position(columns[f"{kind}_order_ms"], columns[f"{kind}_partition"], columns[f"{kind}_offset"])
