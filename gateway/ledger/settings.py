"""Settings of the ledger process, one object, from `LEDGER_…` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.lanes import Lane
from contracts.topics import (
    APPLICATIONS,
    APPLICATIONS_BATCH,
    APPLICATIONS_DLQ,
    PREDICTIONS,
    PREDICTIONS_BATCH,
)
from gateway.ledger.topics import LaneTopics
from infra.runtime.kafka import KafkaConnection
from infra.runtime.logs import LogFormat


class LedgerSettings(BaseSettings):
    """One ledger. Frozen: what it started with is what it runs with."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8004, ge=0, le=65535, description="Port to listen on.")
    database_url: str = Field(
        "sqlite:///.run/ledger/ledger.db",
        repr=False,
        description="sqlite:///FILE (a file per lane beside it) or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE.",
    )
    kafka: KafkaConnection = Field(default_factory=KafkaConnection)

    applications_topic: str = Field(APPLICATIONS.name, description="Input of the sync lane.")
    predictions_topic: str = Field(PREDICTIONS.name, description="Decisions of the sync lane.")
    applications_batch_topic: str = Field(APPLICATIONS_BATCH.name, description="Input of the batch lane.")
    predictions_batch_topic: str = Field(PREDICTIONS_BATCH.name, description="Decisions of the batch lane.")
    applications_dlq_topic: str = Field(APPLICATIONS_DLQ.name, description="Dead letters of both lanes.")

    fetch_max_records: int = Field(2_000, ge=1, le=20_000, description="Most records in one transaction.")
    gather_ms: int = Field(
        100,
        ge=0,
        le=250,
        description="After a small transaction, how long records gather for the next while nobody asks.",
    )
    batch_lane_niceness: int = Field(
        19, ge=0, le=19, description="How far the batch lane's writer steps back for everything else."
    )
    look_up_wait_ms: int = Field(
        500, gt=0, le=10_000, description="Longest wait for the ledger to catch up before 503 instead of 404."
    )
    retention_months: int = Field(
        0, ge=0, description="Full months kept besides the current one; 0 keeps everything."
    )
    migration_wait_s: float = Field(60, gt=0, description="Longest wait for another process's migration.")

    run_dir: Path = Field(Path(".run/workers"), description="Where `scorestream status` looks for processes.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field("auto", description="auto, json or console.")

    def topics(self, lane: Lane) -> LaneTopics:
        """What the lane's writer reads."""
        if lane is Lane.SYNC:
            return LaneTopics(self.applications_topic, self.predictions_topic, self.applications_dlq_topic)
        return LaneTopics(
            self.applications_batch_topic, self.predictions_batch_topic, self.applications_dlq_topic
        )

    def for_child(self) -> str:
        """These settings for a child process, without the connection to Kafka, which it has inherited."""
        return self.model_dump_json(exclude={"kafka"})
