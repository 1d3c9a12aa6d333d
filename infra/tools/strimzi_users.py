"""`python -m infra.tools.strimzi_users`: `helm/strimzi/users.yaml` from the table of who may do what.

Strimzi's operator owns the permissions of the users it makes, and takes away what it does not know of; so
where it runs, the table of `infra.kafka.acls` is handed to it instead of being set by `scorestream acls`.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import click
import yaml

from infra.kafka.acls import ROLES, Acl, Role

_FILE: Final = Path(__file__).resolve().parent.parent.parent / "helm" / "strimzi" / "users.yaml"
_HEAD: Final = """\
# Kafka's users, one a role, with what infra/kafka/acls.py lets it do. Made by `make format`; do not edit.
# The operator keeps each password in a secret of the user's name: copy it to the platform's namespace.
"""


def users() -> str:
    """The file as it should be."""
    return _HEAD + yaml.safe_dump_all(map(_user, ROLES), sort_keys=False, default_flow_style=None, width=120)


def _user(role: Role) -> dict[str, Any]:
    rules = sorted(
        set(role.acls(f"User:kafka-{role.name}", ())), key=lambda acl: (*_resource(acl), acl.operation)
    )
    acls = [
        {"resource": resource, "operations": [_word(acl.operation.name) for acl in allowed]}
        for resource, allowed in (
            (_spelled(*key), list(found)) for key, found in groupby(rules, key=_resource)
        )
    ]
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {
            "name": f"kafka-{role.name}",
            "namespace": "kafka",
            "labels": {"strimzi.io/cluster": "kafka"},
        },
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def _resource(acl: Acl) -> tuple[str, str]:
    return acl.kind.name, acl.name


def _spelled(kind: str, name: str) -> dict[str, str]:
    if kind == "CLUSTER":
        return {"type": "cluster"}
    return {"type": kind.lower(), "name": name, "patternType": "literal"}


def _word(operation: str) -> str:
    """DESCRIBE_CONFIGS → DescribeConfigs."""
    return "".join(part.capitalize() for part in operation.split("_"))


@click.command()
@click.option("--check", "is_check", is_flag=True, help="Only say whether the file is as it should be.")
def main(is_check: bool) -> None:
    """Write the file."""
    if is_check:
        if not _FILE.exists() or _FILE.read_text() != users():
            raise click.ClickException(f"{_FILE.name} is not what the table says: make format")
        return
    _FILE.write_text(users())


if __name__ == "__main__":
    sys.exit(main())
