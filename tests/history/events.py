"""A history, as flat facts: of a simulated schedule, or of real clients and a read of the topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record of any topic; `timestamp_ms` is when the log got it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int

    @property
    def timestamp(self) -> int:
        """`timestamp_ms`, as Kafka's clients call it."""
        return self.timestamp_ms

    def header(self, name: str) -> bytes | None:
        """The header's last value, or None."""
        return dict(self.headers).get(name)


@dataclass(frozen=True, slots=True)
class Request:
    """One POST and what came back. Times in seconds, of the client's clock.

    `status` is the HTTP status, None when the connection ended without one; `application_id` what the
    answer (or its Location) named.
    """

    client: str
    key: str | None
    applicant: int
    body_sha256: str
    sent_at: float
    answered_at: float | None = None
    status: int | None = None
    application_id: str | None = None
    document: bytes | None = None
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """An offset that the group committed.

    `decided_end` and `dead_end` are the ends of the predictions' and the dead letters' partition then.
    """

    partition: int
    offset: int
    decided_end: int
    dead_end: int


@dataclass(frozen=True, slots=True)
class History:
    """All of one lane, once nothing moves any more.

    `may_fail` and `may_kill` are the SHA-256 of bodies that scoring may fail on, or die of. From
    `quiet_from` on (a client's clock) all was decided and no fault was under way: what is asked then must
    be answered.
    `framed` are the inputs, by partition and offset, whose worker was killed or replaced by others each time
    that they were tried by themselves: nobody can tell them from fatal ones.
    """

    requests: Sequence[Request]
    records: Sequence[LogRecord]
    commits: Sequence[Commit] = ()
    may_fail: frozenset[str] = frozenset()
    may_kill: frozenset[str] = frozenset()
    framed: frozenset[tuple[int, int]] = frozenset()
    applications: str = "applications"
    predictions: str = "predictions"
    quiet_from: float = float("inf")
    by_topic: dict[str, list[LogRecord]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for record in self.records:
            self.by_topic.setdefault(record.topic, []).append(record)

    def topic(self, name: str) -> list[LogRecord]:
        """A topic's records, by partition and offset."""
        return self.by_topic.get(name, [])
