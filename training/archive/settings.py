"""Settings of the archive process, one object, from `ARCHIVE_…` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.topics import OUTCOMES, PREDICTIONS, PREDICTIONS_BATCH
from infra.runtime.kafka import KafkaConnection
from infra.runtime.logs import LogFormat


class ArchiveSettings(BaseSettings):
    """One archive process. Frozen: what it started with is what it runs with."""

    model_config = SettingsConfigDict(env_prefix="ARCHIVE_", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8005, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics.")
    store: str = Field(
        ".run/archive",
        description="Where the files go: a folder, gs://BUCKET/… or s3://BUCKET/… by its address.",
    )
    kafka: KafkaConnection = Field(default_factory=KafkaConnection)

    predictions_topic: str = Field(PREDICTIONS.name, description="Decisions of the sync lane.")
    predictions_batch_topic: str = Field(PREDICTIONS_BATCH.name, description="Decisions of the batch lane.")
    outcomes_topic: str = Field(OUTCOMES.name, description="What became of the loans.")

    flush_s: float = Field(60, gt=0, description="Longest time that a record waits to be in a file.")
    file_max_records: int = Field(50_000, ge=1, description="A file is written at so many records.")
    buffer_max_mb: int = Field(64, ge=1, description="All are written when so much waits, in MiB of values.")
    fetch_max_records: int = Field(2_000, ge=1, description="Most records taken from Kafka at once.")
    gather_ms: int = Field(
        500, ge=0, le=10_000, description="After a small fetch, how long records gather for the next."
    )
    look_again_s: float = Field(30, gt=0, description="How often new partitions are looked for.")

    niceness: int = Field(5, ge=0, le=19, description="How far it steps back for what answers people.")

    run_dir: Path = Field(Path(".run/workers"), description="Where `scorestream status` looks for processes.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field("auto", description="auto, json or console.")

    @property
    def topics(self) -> tuple[str, ...]:
        """Everything that is archived."""
        return (self.predictions_topic, self.predictions_batch_topic, self.outcomes_topic)
