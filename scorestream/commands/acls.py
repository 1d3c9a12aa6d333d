"""`scorestream acls`: who may do what on a cluster, and making it so."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.table import Table

from infra.kafka.access import AclsReport, ensure_acls
from infra.kafka.acls import ROLES, declared_acls
from infra.runtime.kafka import KafkaConnection
from scorestream.commands.cluster_options import administered, bootstrap_servers, timeout
from scorestream.console import table_console

_principals = click.option(
    "--principal",
    "principals",
    multiple=True,
    metavar="ROLE=PRINCIPAL",
    help="Kafka's principal of a role, where it is not User:ROLE. May be repeated.",
)
_reply_topics = click.option(
    "--reply-topic",
    "reply_topics",
    multiple=True,
    metavar="TOPIC",
    help="A topic that scorers may answer on besides replies (SCORER_REPLY_TOPICS). May be repeated.",
)


@click.group()
def acls() -> None:
    """Who may do what on the cluster: one role per process; what is not listed is refused.

    The brokers need an authorizer and a user per role; docs/access.md says how.
    """


@acls.command()
@_principals
@_reply_topics
def show(principals: tuple[str, ...], reply_topics: tuple[str, ...]) -> None:
    """Print the declared table; asks no cluster."""
    named = _named(principals)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("principal", "operation", "on", "name", "for"):
        table.add_column(column, overflow="fold")
    for role in ROLES:
        principal = named.get(role.name, f"User:{role.name}")
        purpose = role.purpose
        for acl in sorted(set(role.acls(principal, reply_topics))):
            table.add_row(principal, acl.operation.name, acl.kind.name.lower(), acl.name, purpose)
            purpose = ""
    table_console().print(table)


@acls.command()
@bootstrap_servers
@_principals
@_reply_topics
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--prune", is_flag=True, help="Also remove what these principals have on the cluster beyond the table."
)
@timeout
def apply(
    *,
    bootstrap_servers: str,
    principals: tuple[str, ...],
    reply_topics: tuple[str, ...],
    dry_run: bool,
    prune: bool,
    timeout_s: float,
) -> None:
    """Allow on the cluster what the table says. A second time there is nothing to do."""
    report = administered(
        ensure_acls(
            bootstrap_servers,
            declared_acls(_named(principals), reply_topics=reply_topics),
            prune=prune,
            is_dry_run=dry_run,
            timeout_s=timeout_s,
            **KafkaConnection(bootstrap_servers=bootstrap_servers).login_options(),
        )
    )
    _print(report, is_dry_run=dry_run)


def _named(principals: Sequence[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for one in principals:
        role, _, principal = one.partition("=")
        if role not in {known.name for known in ROLES}:
            raise click.UsageError(f"there is no role {role}; roles: {', '.join(one.name for one in ROLES)}")
        if not principal.startswith("User:"):
            raise click.UsageError(f"--principal {role}: Kafka's principals read User:<name>")
        named[role] = principal
    return named


def _print(report: AclsReport, *, is_dry_run: bool) -> None:
    would = "would be " if is_dry_run else ""
    for acl in report.created:
        click.echo(f"{would}allowed  {acl}")
    for found in report.removed:
        click.echo(f"{would}removed  {found}")
    for found in report.left:
        click.echo(f"undeclared, left  {found}")
    if not report.created and not report.removed:
        click.echo(f"nothing to do: all {report.present} permissions are there")
