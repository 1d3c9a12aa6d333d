from __future__ import annotations

from pathlib import Path

from infra.kafka.config import Node, server_properties
from infra.kafka.security import Security

NODE = Node(0, port=21_000, controller_port=22_000, folder=Path("/kafka/node-0"), internal_port=23_000)
SECURITY = Security(
    Path("/secrets/node.pem"),
    Path("/secrets/authority.pem"),
    node_principal="User:CN=node",
    users={"gateway": "hunter2"},
    super_users=("root",),
)


def settings() -> dict[str, str]:
    text = server_properties(NODE, cluster=(NODE,), listeners=SECURITY.listeners(NODE), overrides={})
    return dict(line.split("=", 1) for line in text.splitlines())


def test_a_secured_node_listens_to_nobody_in_plain_text() -> None:
    protocols = settings()["listener.security.protocol.map"]
    assert "PLAINTEXT" not in protocols
    assert {entry.split(":")[0] for entry in settings()["listeners"].split(",")} == {
        entry.split(":")[0] for entry in protocols.split(",")
    }


def test_what_no_acl_allows_is_refused() -> None:
    assert settings()["authorizer.class.name"].endswith("StandardAuthorizer")
    assert settings()["allow.everyone.if.no.acl.found"] == "false"
    assert settings()["super.users"] == "User:CN=node;User:root"


def test_nodes_show_each_other_their_certificates() -> None:
    for listener in ("internal", "controller"):
        assert settings()[f"listener.name.{listener}.ssl.client.auth"] == "required"


def test_passwords_are_in_no_settings_and_no_repr() -> None:
    assert "hunter2" not in str(settings())
    assert "hunter2" not in repr(SECURITY)


def test_a_nodes_ports_are_all_of_them() -> None:
    assert NODE.ports == (21_000, 22_000, 23_000)
