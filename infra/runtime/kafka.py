"""How a process reaches Kafka: one settings object, translated to aiokafka's keyword arguments."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.runtime import tolerant_fetch

tolerant_fetch.install()


class KafkaConnection(BaseSettings):
    """Addresses and credentials of the cluster, from `KAFKA_…` variables."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True)

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Brokers to ask first, host:port, by commas."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="SASL_SSL outside of one machine."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="Used with SASL_PLAINTEXT and SASL_SSL."
    )
    sasl_username: str | None = Field(None, description="The principal of this process.")
    sasl_password: SecretStr | None = Field(None, description="Its password; by reference to a secret.")
    ssl_cafile: Path | None = Field(None, description="PEM file of the authority that signed the brokers.")

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context, or None for a protocol without TLS."""
        if not self.security_protocol.endswith("SSL"):
            return None
        return ssl.create_default_context(cafile=None if self.ssl_cafile is None else str(self.ssl_cafile))

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client of this process is made with."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if (context := self.ssl_context()) is not None:
            options["ssl_context"] = context
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = (
                None if self.sasl_password is None else self.sasl_password.get_secret_value()
            )
        return options
