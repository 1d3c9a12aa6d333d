"""The ledger's rule: from facts in any order to one row per application. Pure.

    status   accepted < dead < decided, the highest fact there is; so it only rises, and a redrive
             lifts a dead application to decided
    fact     of two facts of a kind the one with the lower position: the first record wins

Taking the lower of two positions is commutative, associative and idempotent, so a row does not
depend on how its facts were interleaved, repeated or batched. Used by the writer and the rebuild;
the simulator checks the same functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from gateway.ledger.facts import Accepted, Dead, Decided, Fact

F = TypeVar("F", bound=Fact)


class Status(StrEnum):
    """Where an application is. Its values are stored."""

    ACCEPTED = "accepted"
    DEAD = "dead"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Row:
    """All that is known of one application in one lane; at least one fact is there."""

    application_id: str
    accepted: Accepted | None = None
    decided: Decided | None = None
    dead: Dead | None = None

    @property
    def status(self) -> Status:
        """The highest fact there is."""
        if self.decided is not None:
            return Status.DECIDED
        return Status.DEAD if self.dead is not None else Status.ACCEPTED

    @property
    def origin(self) -> Fact:
        """The fact that says whose application this is: its own record, or the best stand-in."""
        origin = self.accepted or self.decided or self.dead
        if origin is None:
            raise ValueError("a row without a fact")
        return origin

    @property
    def applicant_id(self) -> int | None:
        """The applicant: of the decision, which was read from the application itself, before the key's."""
        return (self.decided or self.origin).applicant_id

    @property
    def request_hash(self) -> str | None:
        """Of the bytes that were decided, once there is a decision: first bytes that can't be scored may
        be put aside before others under the same id are decided."""
        return (self.decided or self.origin).request_hash

    @property
    def placed_at_ms(self) -> int:
        """When it was accepted, or, until that is known, decided or put aside; Unix milliseconds."""
        return self.origin.at_ms

    @property
    def month(self) -> int:
        """The month it is filed under, in UTC, as in 202611."""
        return month_of(self.placed_at_ms)


def merged(row: Row | None, fact: Fact) -> Row:
    """The row with `fact` taken into account."""
    row = row or Row(fact.application_id)
    if isinstance(fact, Accepted):
        return replace(row, accepted=first(row.accepted, fact))
    if isinstance(fact, Decided):
        return replace(row, decided=first(row.decided, fact))
    if isinstance(fact, Dead):
        return replace(row, dead=first(row.dead, fact))
    raise TypeError(f"{type(fact).__name__} is no kind of fact")


def first(one: F | None, other: F) -> F:
    """The fact whose record comes first."""
    return other if one is None or other.position < one.position else one


def month_of(at_ms: int) -> int:
    """Year and month, UTC, of Unix milliseconds: 202611."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.year * 100 + moment.month
