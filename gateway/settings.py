"""Settings of a gateway process, one object, from `GATEWAY_…` variables."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.identity import LOCAL_CLIENT
from infra.runtime.kafka import KafkaConnection
from infra.runtime.logs import LogFormat


def _instance() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class GatewaySettings(BaseSettings):
    """One gateway. Frozen: what it started with is what it runs with."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True, protected_namespaces=())

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    instance: str = Field(default_factory=_instance, description="Name of this process in logs and metrics.")
    kafka: KafkaConnection = Field(default_factory=KafkaConnection)
    model_name: str = Field("credit-risk", description="Registered model that /v1/model speaks of.")
    store_name: str = Field("home-credit", description="Store of feature snapshots that /v1/model speaks of.")
    default_client_id: str = Field(LOCAL_CLIENT, description="Client of a request while API keys are off.")

    keys_file: Path | None = Field(
        None,
        description="API keys that are let in (scorestream keys); without it anybody is, on loopback only.",
    )
    keys_off: bool = Field(
        False,
        description="Let anybody in on every address; for a gateway behind something that asks for keys.",
    )
    ledger_url: str | None = Field(
        None,
        validation_alias="LEDGER_URL",
        description="The ledger; without it only recent decisions are known.",
    )
    ledger_required: bool = Field(
        True,
        description="503 for a request with its own key while the ledger can't be asked; off: take the risk.",
    )
    ledger_timeout_ms: int = Field(1_000, gt=0, description="Longest wait for an answer of the ledger.")
    ledger_max_lag_s: float = Field(
        30, gt=0, description="A ledger further behind is as good as away, for keys."
    )

    deadline_ms: int = Field(
        180, gt=0, le=60_000, description="Longest wait for a decision (then 202) or for the log (then 503)."
    )
    reply_partition: int | None = Field(
        None, ge=0, description="Partition of `replies` to read; by default chosen by a hash of the instance."
    )
    max_body_bytes: int = Field(65_536, gt=0, description="Longest application; longer ones are 413.")
    max_in_flight: int = Field(512, gt=0, description="Requests waiting at once; more are 429.")
    recent_max: int = Field(50_000, gt=0, description="Applications that GET by id remembers.")
    drain_grace_s: float = Field(
        2.0,
        ge=0,
        description="After SIGTERM: not ready, still serving, so that balancers and clients go elsewhere.",
    )
    drain_timeout_s: int = Field(10, gt=0, description="Longest wait for requests under way after the grace.")

    run_dir: Path = Field(Path(".run/workers"), description="Where `scorestream status` looks for gateways.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field("auto", description="auto, json or console.")
