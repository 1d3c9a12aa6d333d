"""Every topic of the platform, spelled once.

Open this file to learn what is on a topic, who writes it and who reads it. `infra.kafka.topics`
creates the topics from this table; nothing else in the project may spell a topic's name.
This module knows nothing of brokers or clients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

DAY_MS: Final = 24 * 60 * 60 * 1000
MINUTE_MS: Final = 60 * 1000
FOREVER_MS: Final = -1

#: Partitions of the per-applicant topics unless the installation asks for another number.
DEFAULT_PARTITIONS: Final = 12
#: The same on one machine, where twelve would only cost start-up time.
LOCAL_PARTITIONS: Final = 4


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: what it holds, who is at its two ends, and how long it keeps a record."""

    name: str
    key: str
    value: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    retention_ms: int
    #: True: one partition per share of the applicants; False: a control topic of one partition.
    is_partitioned: bool = True
    #: True: the newest record of a key is kept for ever, older ones are dropped.
    is_compacted: bool = False
    max_message_bytes: int = 1_048_576
    extra_config: dict[str, str] = field(default_factory=dict)

    def partitions(self, requested: int) -> int:
        """Partitions this topic needs when the installation asks for `requested` per-applicant ones."""
        return requested if self.is_partitioned else 1

    def config(self) -> dict[str, str]:
        """Broker-side settings of the topic, as Kafka spells them."""
        return {
            "cleanup.policy": "compact" if self.is_compacted else "delete",
            "retention.ms": str(FOREVER_MS if self.is_compacted else self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
            **self.extra_config,
        }


APPLICATIONS: Final = Topic(
    name="applications",
    key="applicant id, decimal text",
    value="the application's JSON exactly as submitted",
    producers=("gateway", "any Kafka producer"),
    consumers=("scorer", "ledger"),
    retention_ms=7 * DAY_MS,
)
APPLICATIONS_BATCH: Final = Topic(
    name="applications-batch",
    key="applicant id, decimal text",
    value="the application's JSON exactly as submitted",
    producers=("score-batch", "any Kafka producer"),
    consumers=("scorer --lane batch", "ledger"),
    retention_ms=7 * DAY_MS,
)
REPLIES: Final = Topic(
    name="replies",
    key="correlation id, opaque bytes",
    value="the decision document, or a problem document for a failure",
    producers=("scorer",),
    consumers=("gateway",),
    retention_ms=10 * MINUTE_MS,
    extra_config={"segment.ms": str(10 * MINUTE_MS)},
)
PREDICTIONS: Final = Topic(
    name="predictions",
    key="applicant id, decimal text",
    value="ApplicationScored",
    producers=("scorer",),
    consumers=("ledger", "archive"),
    retention_ms=30 * DAY_MS,
)
PREDICTIONS_BATCH: Final = Topic(
    name="predictions-batch",
    key="applicant id, decimal text",
    value="ApplicationScored",
    producers=("scorer --lane batch",),
    consumers=("ledger", "archive", "score-batch"),
    retention_ms=30 * DAY_MS,
)
APPLICATIONS_DLQ: Final = Topic(
    name="applications-dlq",
    key="as the input's",
    value="the input's bytes, untouched",
    producers=("scorer",),
    consumers=("ledger", "scorestream dlq"),
    retention_ms=30 * DAY_MS,
)
MODEL_PROMOTIONS: Final = Topic(
    name="model-promotions",
    key="registered model's name",
    value="ModelPromoted",
    producers=("training",),
    consumers=("scorer", "gateway"),
    retention_ms=FOREVER_MS,
    is_partitioned=False,
    is_compacted=True,
)
FEATURE_SNAPSHOTS: Final = Topic(
    name="feature-snapshots",
    key="feature store's name",
    value="SnapshotPublished",
    producers=("feature_service",),
    consumers=("scorer", "gateway"),
    retention_ms=FOREVER_MS,
    is_partitioned=False,
    is_compacted=True,
)
OUTCOMES: Final = Topic(
    name="outcomes",
    key="applicant id, decimal text",
    value="OutcomeObserved",
    producers=("gateway", "any Kafka producer"),
    consumers=("archive",),
    retention_ms=365 * DAY_MS,
)
DRIFT_REPORTS: Final = Topic(
    name="drift-reports",
    key="registered model's name",
    value="DriftReported",
    producers=("scorestream drift",),
    consumers=("archive", "operators"),
    retention_ms=90 * DAY_MS,
    is_partitioned=False,
)

TOPICS: Final[tuple[Topic, ...]] = (
    APPLICATIONS,
    APPLICATIONS_BATCH,
    REPLIES,
    PREDICTIONS,
    PREDICTIONS_BATCH,
    APPLICATIONS_DLQ,
    MODEL_PROMOTIONS,
    FEATURE_SNAPSHOTS,
    OUTCOMES,
    DRIFT_REPORTS,
)
