"""Makes a cluster's ACLs what `infra.kafka.acls` declares: idempotent, and never takes away unasked.

    missing                                    created
    more than declared, of our principals      reported, removed only if asked for
    other principals'                          not looked at

Called by `scorestream acls apply`; the chart's install hook runs it after the topics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.kafka.acls import Acl
from infra.kafka.cluster import Cluster, FoundAcl, on_cluster
from infra.kafka.topics import DEFAULT_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class AclsReport:
    """What was done, or in a dry run would be."""

    created: tuple[Acl, ...] = ()
    removed: tuple[FoundAcl, ...] = ()
    #: Permissions and prohibitions of our principals that nobody declared, still in force.
    left: tuple[FoundAcl, ...] = ()
    present: int = 0


async def ensure_acls(
    bootstrap_servers: str,
    declared: Sequence[Acl],
    *,
    prune: bool = False,
    is_dry_run: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    **kafka_client_options: Any,
) -> AclsReport:
    """What had to be done so that each of `declared` is allowed.

    Parameters
    ----------
    prune
        Also remove what the declared ACLs' principals have beyond them.
    kafka_client_options
        Passed to aiokafka's admin client: `security_protocol`, `ssl_context`, `sasl_…`.

    Raises
    ------
    AccessRefused
        The cluster checks no ACLs, or this principal may not change them.
    BrokerUnavailable
        The cluster did not answer within `timeout_s`; calling again goes on where it stopped.
    """
    return await on_cluster(
        bootstrap_servers,
        lambda cluster: _ensure(cluster, declared, prune=prune, is_dry_run=is_dry_run),
        timeout_s=timeout_s,
        client_options=kafka_client_options,
    )


async def _ensure(cluster: Cluster, declared: Sequence[Acl], *, prune: bool, is_dry_run: bool) -> AclsReport:
    found = await cluster.acls()
    principals = {acl.principal for acl in declared}
    allowed = {one.acl for one in found if one.acl is not None}
    missing = tuple(acl for acl in declared if acl not in allowed)
    wanted = set(declared)
    beyond = tuple(one for one in found if one.principal in principals and one.acl not in wanted)
    if not is_dry_run:
        if missing:
            await cluster.allow(missing)
        if prune and beyond:
            await cluster.remove(beyond)
    return AclsReport(
        created=missing,
        removed=beyond if prune else (),
        left=() if prune else beyond,
        present=len(declared) - len(missing),
    )
