from __future__ import annotations

import ssl

import pytest

from infra.runtime.kafka import KafkaConnection


def test_plaintext_needs_an_address_and_nothing_else() -> None:
    options = KafkaConnection(bootstrap_servers="a:1,b:2").client_options()
    assert options == {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_tls_verifies_the_broker(protocol: str) -> None:
    context = KafkaConnection.model_validate({"security_protocol": protocol}).client_options()["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_sasl_brings_its_credentials() -> None:
    connection = KafkaConnection.model_validate(
        {"security_protocol": "SASL_PLAINTEXT", "sasl_username": "me", "sasl_password": "secret"}
    )
    options = connection.client_options()
    assert options["sasl_plain_username"] == "me"
    assert options["sasl_plain_password"] == "secret"  # noqa: S105
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert "ssl_context" not in options
    assert "secret" not in repr(connection)
