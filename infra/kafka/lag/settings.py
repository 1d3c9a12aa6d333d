"""Settings of the lag exporter, one object, from `LAG_…` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.lanes import Lane
from infra.runtime.kafka import KafkaConnection
from infra.runtime.logs import LogFormat


class LagSettings(BaseSettings):
    """One exporter. Frozen: what it started with is what it runs with."""

    model_config = SettingsConfigDict(env_prefix="LAG_", frozen=True)

    host: str = Field("127.0.0.1", description="Address of /healthz, /readyz and /metrics.")
    port: int = Field(8006, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics.")
    kafka: KafkaConnection = Field(default_factory=KafkaConnection)
    other_groups: str = Field("", description="Further consumer groups to watch, by commas.")
    poll_every_s: float = Field(5, gt=0, le=300, description="How often Kafka is asked.")

    run_dir: Path = Field(Path(".run/workers"), description="Where `scorestream status` looks for processes.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field("auto", description="auto, json or console.")

    def groups(self) -> tuple[str, ...]:
        """The lanes' consumer groups, and those asked for."""
        others = [name.strip() for name in self.other_groups.split(",") if name.strip()]
        return tuple(dict.fromkeys([*(lane.consumer_group for lane in Lane), *others]))
