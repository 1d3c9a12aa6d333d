"""A cluster that lets nobody in unasked: TLS everywhere, SCRAM passwords for clients, ACLs on.

    clients     SASL_SSL, SCRAM-SHA-512       who they are is `User:<name>`
    nodes       SSL, certificates both ways   their certificate's name is a super user
    the rest    refused: no plain text, nobody anonymous, nothing without an ACL

For the tests of access (tests/secured_kafka.py makes the certificates). A cluster in production is
set up by its own operators; docs/access.md says what it needs.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.kafka.config import Node
from infra.kafka.ports import LOOPBACK

MECHANISM: Final = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class Security:
    """Certificates and users of a secured cluster.

    `certificate` is a PEM file of the nodes' key and certificate, whose name is `node_principal`;
    `authority` is the PEM file of who signed it. `users` are passwords by name, fixed when the
    storage is made; the super users among them may do everything.
    """

    certificate: Path
    authority: Path
    node_principal: str
    users: Mapping[str, str] = field(repr=False)
    super_users: tuple[str, ...] = ()

    def listeners(self, node: Node) -> dict[str, str]:
        """Lines of `server.properties`: where to listen, and who is let in."""
        supers = (self.node_principal, *(f"User:{name}" for name in self.super_users))
        return {
            "listeners": f"CLIENTS://{node.address},INTERNAL://{LOOPBACK}:{node.internal_port},"
            f"CONTROLLER://{LOOPBACK}:{node.controller_port}",
            "listener.security.protocol.map": "CLIENTS:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "INTERNAL",
            "sasl.enabled.mechanisms": MECHANISM,
            f"listener.name.clients.{MECHANISM.lower()}.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "listener.name.internal.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.certificate),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": ";".join(supers),
        }

    def format_options(self) -> tuple[str, ...]:
        """Options of Kafka's storage tool that write the users into new storage."""
        return tuple(
            option
            for name, password in self.users.items()
            for option in ("--add-scram", f"{MECHANISM}=[name={name},password={password}]")
        )

    def internal_context(self) -> ssl.SSLContext:
        """How a node, or who asks whether it is ready, opens a connection to a node."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(str(self.certificate))
        return context
