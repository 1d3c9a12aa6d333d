"""What one record of the log says about an application: accepted, decided or put aside.

Positions order the facts of one kind about one application. Within a partition that is the order of
its offsets; between partitions, where an application should have only one (a topic that grew, an id
that a producer used twice), the order in which the records were written, as well as their clocks tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Position(NamedTuple):
    """Where a record is in its topic, in an order that all readers of the log agree on.

    `order_ms` is the latest timestamp (Unix, milliseconds) of its partition up to this record, so it
    never falls from one offset to the next, whatever the producers' clocks said.
    """

    order_ms: int
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What every kind has. `at_ms` is the record's own timestamp; what is not known is None."""

    application_id: str
    position: Position
    at_ms: int
    client_id: str | None = None
    applicant_id: int | None = None
    batch_id: str | None = None
    request_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Fact):
    """A record of the lane's applications topic. `key_hash`: see `contracts.headers`."""

    key_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Fact):
    """A record of the lane's predictions topic; `decision` is the document's bytes as they were answered."""

    decision: bytes
    source_partition: int
    source_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead(Fact):
    """A record of the dead-letter topic that came from this lane."""

    reason: str
    detail: str
    attempts: int
    source_partition: int
    source_offset: int
