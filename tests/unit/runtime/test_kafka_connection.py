from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.runtime.kafka import KafkaConnection


def test_plaintext_needs_an_address_and_nothing_else() -> None:
    options = KafkaConnection(bootstrap_servers="a:1,b:2").client_options()
    assert options == {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT"}


LOGIN = {"sasl_username": "me", "sasl_password": "secret"}


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_tls_verifies_the_broker(protocol: str) -> None:
    connection = KafkaConnection.model_validate({"security_protocol": protocol, **LOGIN})
    context = connection.client_options()["ssl_context"]
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


def test_a_password_comes_from_a_file_and_its_last_line_end_is_not_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" a secret \n")
    connection = KafkaConnection.model_validate(
        {"security_protocol": "SASL_SSL", "sasl_username": "me", "sasl_password_file": file}
    )
    assert connection.password() == " a secret "
    file.write_text("the next")
    assert connection.password() == "the next"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"security_protocol": "SASL_SSL"}, "KAFKA_SASL_USERNAME"),
        ({"security_protocol": "SASL_SSL", "sasl_username": "me"}, "KAFKA_SASL_PASSWORD_FILE"),
        ({"sasl_password_file": "/there/is/none"}, "KAFKA_SASL_PASSWORD_FILE"),
        ({"ssl_cafile": "/there/is/none"}, "KAFKA_SSL_CAFILE"),
        ({**LOGIN, "sasl_password_file": "/etc/hosts"}, "not both"),
    ],
)
def test_half_a_login_is_refused_at_the_start_by_the_name_of_what_is_missing(
    given: dict[str, str], named: str
) -> None:
    with pytest.raises(ValidationError, match=named):
        KafkaConnection.model_validate(given)


def test_a_refused_login_does_not_print_the_password() -> None:
    with pytest.raises(ValidationError) as refused:
        KafkaConnection.model_validate({"security_protocol": "SASL_SSL", "sasl_password": "hunter2"})
    assert "hunter2" not in str(refused.value)
