"""Why there are no features, by what the caller should do next.

FeatureServiceError
├── Rejected                 what came in is at fault: the same call fails every time
│   ├── BadSource                a file of the eight tables breaks a rule; names file, column, line
│   ├── QualityRejected          the quality gate found something critical: nothing is published
│   ├── SnapshotRefused          a snapshot that is damaged or made by other definitions
│   ├── UnknownSnapshot          no snapshot of the store has the id
│   └── UnknownApplicant         the snapshot does not hold the applicant
└── Unavailable              try again later
    ├── StoreUnavailable         the snapshot store can't be reached
    ├── EngineUnavailable        DuckDB or Spark can't run here
    ├── NotAnnounced             the snapshot is published, but Kafka did not take the news
    └── NoSnapshot               nothing was published yet
"""

from __future__ import annotations


class FeatureServiceError(Exception):
    """Anything that goes wrong with features and has a name."""


class Rejected(FeatureServiceError):
    """What came in breaks a rule. Trying again changes nothing."""


class BadSource(Rejected):
    """A source file breaks a rule.

    Attributes
    ----------
    file, column, line
        Where, as far as it is known; a line counts from 1, the header being line 1.
    """

    def __init__(
        self, problem: str, *, file: str, column: str | None = None, line: int | None = None
    ) -> None:
        where = file
        where += f", line {line}" if line is not None else ""
        where += f", column {column}" if column is not None else ""
        super().__init__(f"{where}: {problem}")
        self.file = file
        self.column = column
        self.line = line


class QualityRejected(Rejected):
    """The quality gate stopped the build."""

    def __init__(self, critical: list[str], report: str | None) -> None:
        see = f"; see {report}" if report else ""
        super().__init__(f"the data failed {len(critical)} critical checks: {'; '.join(critical)}{see}")
        self.critical = critical


class SnapshotRefused(Rejected):
    """The snapshot must not be used; the one in use goes on."""


class UnknownSnapshot(Rejected):
    """The store holds no such snapshot."""


class UnknownApplicant(Rejected):
    """The snapshot does not hold the applicant."""


class Unavailable(FeatureServiceError):
    """The same call may succeed later."""


class StoreUnavailable(Unavailable):
    """The store can't be reached."""


class EngineUnavailable(Unavailable):
    """The engine can't run here."""


class NotAnnounced(Unavailable):
    """Kafka did not acknowledge the announcement of a published snapshot."""


class NoSnapshot(Unavailable):
    """Nothing was published yet."""
