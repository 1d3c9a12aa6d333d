"""A broker that lets nobody in unasked, with certificates of a test's own authority and a user per role."""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.kafka.acls import ROLES
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.security import Security
from infra.runtime.kafka import KafkaConnection

#: May do everything, as whoever sets a cluster up; and a user whom nothing is allowed.
SUPER_USER: Final = "root"
STRANGER: Final = "stranger"

_DAY: Final = datetime.timedelta(days=1)


class Authority:
    """Signs certificates for 127.0.0.1 that hold for a day."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        certificate = self._signed(self._name, self._key.public_key(), is_authority=True)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> Path:
        """A PEM file of a new key and its certificate for `CN=name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(_named(name), key.public_key(), is_authority=False)
        file = self._folder / f"{name}.pem"
        file.touch(mode=0o600)
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, is_authority: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class SecuredKafka(EmbeddedKafka):
    """SASL_SSL and ACLs, with a user for each role, one super user and one stranger."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder_of_secrets = folder
        self.authority = Authority(folder)
        names = [SUPER_USER, STRANGER, *(role.name for role in ROLES)]
        users = {name: secrets.token_urlsafe(16) for name in names}
        for name, password in users.items():
            self.password_file(name).touch(mode=0o600)
            self.password_file(name).write_text(f"{password}\n")
        security = Security(
            self.authority.issue("node"),
            self.authority.file,
            node_principal="User:CN=node",
            users=users,
            super_users=(SUPER_USER,),
        )
        super().__init__(folder / "kafka", security=security)

    def __enter__(self) -> Self:
        # Certificates, passwords and ACLs make its start the slowest thing of the run on a busy machine.
        self.start(timeout_s=180)
        return self

    def password_file(self, name: str) -> Path:
        """Where the user's password is."""
        return self._folder_of_secrets / f"{name}.password"

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a process that is the user."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": name,
            "KAFKA_SASL_PASSWORD_FILE": str(self.password_file(name)),
            "KAFKA_SSL_CAFILE": str(self.authority.file),
        }

    def connection(self, name: str) -> KafkaConnection:
        """The same as settings."""
        return KafkaConnection(
            bootstrap_servers=self.bootstrap_servers,
            security_protocol="SASL_SSL",
            sasl_username=name,
            sasl_password_file=self.password_file(name),
            ssl_cafile=self.authority.file,
        )
