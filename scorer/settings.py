"""Settings of a scorer process, one object, from `SCORER_…` variables."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.lanes import Lane
from contracts.topics import REPLIES
from infra.runtime.kafka import KafkaConnection
from infra.runtime.logs import LogFormat


def _instance() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class ScorerSettings(BaseSettings):
    """One lane's worker. Frozen: what it started with is what it runs with."""

    model_config = SettingsConfigDict(env_prefix="SCORER_", frozen=True, protected_namespaces=())

    lane: Lane = Field(Lane.SYNC, description="Which lane this process works on.")
    instance: str = Field(
        default_factory=_instance, description="Name of this process in records and metrics."
    )
    kafka: KafkaConnection = Field(default_factory=KafkaConnection)

    language: Literal["en", "fr"] = Field("en", description="Language of the reasons' texts: en or fr.")
    model_name: str = Field("credit-risk", description="Registered model that decides.")
    cache_dir: Path = Field(
        Path(".run/scorer-cache"),
        description="Verified model bundles and snapshots; survives a restart, so their stores may be down.",
    )
    store_name: str = Field(
        "home-credit", description="Store of feature snapshots: the key of its announcements."
    )
    mlflow_tracking_uri: str = Field(
        "http://127.0.0.1:5000",
        validation_alias="MLFLOW_TRACKING_URI",
        description="Registry to fetch bundles from.",
    )
    run_dir: Path = Field(Path(".run/workers"), description="Where `scorestream status` looks for workers.")
    bundle_fetch_timeout_s: float = Field(120, gt=0, description="Longest download and check of a bundle.")
    snapshot_fetch_timeout_s: float = Field(900, gt=0, description="Longest download of a snapshot.")

    reply_topics: frozenset[str] = Field(
        frozenset({REPLIES.name}), description="Topics that a requester may ask its reply on."
    )
    max_value_bytes: int = Field(65_536, gt=0, description="Longest application taken from a topic.")
    batch_max: int | None = Field(
        None, ge=1, le=1024, description="Most applications in a micro-batch; 64, and 500 in the batch lane."
    )
    batch_wait_ms: float | None = Field(
        None, gt=0, description="Longest wait for company under load; 2, and 50 in the batch lane."
    )
    batch_lane_niceness: int = Field(
        15, ge=0, le=19, description="How far a worker of the batch lane steps back for everything else."
    )
    index_records: int = Field(
        20_000,
        gt=0,
        description="Decided applications a partition's index holds, so that none is decided twice.",
    )
    index_seconds: float = Field(
        60, gt=0, description="At a takeover the predictions of this time are read back, if they are fewer."
    )
    commit_every_ms: int = Field(500, gt=0, le=1000, description="Offsets are committed at least this often.")
    session_timeout_s: float = Field(
        6, gt=0, le=6, description="After this silence the broker gives partitions away."
    )
    stuck_after_s: float = Field(30, gt=0, description="Not alive once lag has stood still this long.")

    host: str = Field("127.0.0.1", description="Address of /healthz, /readyz and /metrics.")
    port: int = Field(8002, ge=0, le=65535, description="Its port; 0 takes any free one.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field("auto", description="auto, json or console.")

    @property
    def most_in_batch(self) -> int:
        """Most applications in a micro-batch of this lane."""
        return self.batch_max or (64 if self.lane is Lane.SYNC else 500)

    @property
    def company_s(self) -> float:
        """Longest wait for company, in seconds: a batch is about throughput, a person waits for an answer."""
        return (self.batch_wait_ms or (2 if self.lane is Lane.SYNC else 50)) / 1000
