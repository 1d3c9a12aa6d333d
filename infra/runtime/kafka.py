"""How a process reaches Kafka: one settings object, translated to aiokafka's keyword arguments.

Every process and every command makes its clients from this one, so that none of them can be left
behind when a cluster asks for passwords. What each principal may do there is in `infra.kafka.acls`.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.runtime import tolerant_fetch

tolerant_fetch.install()


class KafkaConnection(BaseSettings):
    """Addresses and credentials of the cluster, from `KAFKA_…` variables."""

    # Without hide_input_in_errors a wrong combination would print the password along with the rest.
    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True, hide_input_in_errors=True)

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
    sasl_password: SecretStr | None = Field(None, description="Its password, where no file can be mounted.")
    sasl_password_file: Path | None = Field(None, description="File that holds its password.")
    ssl_cafile: Path | None = Field(
        None, description="PEM file of the authority that signed the brokers; by default the system's."
    )
    ssl_certfile: Path | None = Field(
        None, description="PEM file of this process's own certificate, for brokers that ask for one."
    )
    ssl_keyfile: Path | None = Field(None, description="PEM file of its key, if that is another file.")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        """Refuse half a login at the start instead of as a broken connection later."""
        if self.sasl_password is not None and self.sasl_password_file is not None:
            raise ValueError("set KAFKA_SASL_PASSWORD_FILE or KAFKA_SASL_PASSWORD, not both")
        if self.security_protocol.startswith("SASL"):
            if not self.sasl_username:
                raise ValueError(
                    f"KAFKA_SECURITY_PROTOCOL={self.security_protocol} needs KAFKA_SASL_USERNAME"
                )
            if self.sasl_password is None and self.sasl_password_file is None:
                raise ValueError(
                    f"KAFKA_SECURITY_PROTOCOL={self.security_protocol} needs KAFKA_SASL_PASSWORD_FILE "
                    "(or KAFKA_SASL_PASSWORD)"
                )
        for name in ("sasl_password_file", "ssl_cafile", "ssl_certfile", "ssl_keyfile"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"KAFKA_{name.upper()}: there is no file {path}")
        return self

    def password(self) -> str | None:
        """The password, read from its file at each call, so that a mounted secret may change."""
        if self.sasl_password_file is not None:
            return self.sasl_password_file.read_text().rstrip("\r\n")
        return None if self.sasl_password is None else self.sasl_password.get_secret_value()

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context, or None for a protocol without TLS. The brokers' names are always checked."""
        if not self.security_protocol.endswith("SSL"):
            return None
        context = ssl.create_default_context(cafile=None if self.ssl_cafile is None else str(self.ssl_cafile))
        if self.ssl_certfile is not None:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
        return context

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client of this process is made with."""
        return {"bootstrap_servers": self.bootstrap_servers, **self.login_options()}

    def login_options(self) -> dict[str, Any]:
        """The same without the addresses."""
        options: dict[str, Any] = {"security_protocol": self.security_protocol}
        if (context := self.ssl_context()) is not None:
            options["ssl_context"] = context
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.password()
        return options
