"""Settings of the one-machine platform, from `LOCAL_…` variables and the addresses of what exists."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.topics import LOCAL_PARTITIONS
from scorestream.simulation.run import Pace


class LocalSettings(BaseSettings):
    """Where the demo keeps its things and on which ports of 127.0.0.1 its processes listen."""

    model_config = SettingsConfigDict(env_prefix="LOCAL_", frozen=True)

    run_dir: Path = Field(Path(".run"), description="Logs, broker and registry storage, sample, caches.")
    applicants: int = Field(30_000, ge=2_000, description="Size of the sample when no DATA is given.")
    seed: int = Field(7, description="Seed of the sample and of the training.")
    training_minutes: float = Field(
        10, gt=0, description="Wall clock of the training on DATA; `scorestream train` takes longer and more."
    )
    performance_days: float = Field(
        Pace().performance_days,
        ge=0,
        description="An outcome counts so long after its decision; by default as in `scorestream simulate`.",
    )
    partitions: int = Field(LOCAL_PARTITIONS, ge=1, description="Partitions of the per-applicant topics.")
    gateway_port: int = Field(8000, description="Port of the gateway.")
    features_port: int = Field(8001, description="Port of the feature service.")
    scorer_port: int = Field(8002, description="Port of the sync lane's health and metrics.")
    batch_scorer_port: int = Field(8003, description="Port of the batch lane's health and metrics.")
    ledger_port: int = Field(8004, description="Port of the ledger.")
    archive_port: int = Field(8005, description="Port of the archive's health and metrics.")
    lag_port: int = Field(8006, description="Port of the lag exporter.")
    prometheus_port: int = Field(9090, description="Port of Prometheus, with `make platform`.")
    alertmanager_port: int = Field(9093, description="Port of Alertmanager, with `make platform`.")
    airflow_port: int = Field(8080, description="Port of Airflow, with `make platform`.")
    grafana_port: int = Field(3000, description="Port of Grafana, with `make platform`.")
    alert_secrets_dir: Path | None = Field(
        None,
        description="Folder with slack-url and smtp-password, to send alerts; else they are only shown.",
    )
    mlflow_port: int = Field(5000, description="Port of the MLflow server.")
    kafka_port: int = Field(9092, description="Port of the broker.")
    kafka_bootstrap_servers: str | None = Field(
        None, validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="Use this cluster, start no broker."
    )
    mlflow_tracking_uri: str | None = Field(
        None, validation_alias="MLFLOW_TRACKING_URI", description="Use this registry, start no MLflow."
    )
