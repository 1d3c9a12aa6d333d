"""Settings of the feature build and of the HTTP API, one object, from `FEATURES_…` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.runtime.logs import LogFormat


class FeatureSettings(BaseSettings):
    """Where snapshots are, what a build may use, where the API listens."""

    model_config = SettingsConfigDict(env_prefix="FEATURES_", frozen=True)

    store: str = Field(".run/features/store", description="Where snapshots are: a folder, gs://… or s3://….")
    store_name: str = Field("home-credit", description="The store's name: key of its announcements.")
    cache: Path = Field(
        Path(".run/features/cache"), description="Converted tables, drafts, quality pages, fetched snapshots."
    )
    memory_limit: str = Field("4GB", description="What DuckDB may hold in a build before it uses the disk.")
    threads: int = Field(2, gt=0, description="Threads of a build.")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8001, ge=0, le=65535, description="Port to listen on.")
    max_batch: int = Field(1000, gt=0, description="Most applicants in one request.")
    refresh_s: float = Field(5.0, gt=0, description="How often the API looks for a newer snapshot.")
    run_dir: Path = Field(Path(".run/workers"), description="Where `scorestream status` looks for processes.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field("auto", description="auto, json or console.")
