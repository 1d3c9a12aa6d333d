"""The few things we ask of a cluster's administration, with aiokafka's answers made plain.

Translates at this border: what may work later becomes a retry until the deadline and then
`BrokerUnavailable`; what the cluster refuses becomes `TopicRefused` or `AccessRefused`. Knows no contracts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest

from infra.kafka.acls import ANY_HOST, Acl, Kind, Operation
from infra.kafka.errors import AccessRefused, BrokerUnavailable, TopicRefused
from infra.runtime.complaints import last_complaint

T = TypeVar("T")

RETRY_PAUSE_S: Final = 0.25
# Where a topic's setting comes from: 1 is the topic itself, all other sources are inherited.
_SET_ON_TOPIC: Final = 1
# Kafka's numbers: any kind, pattern, operation or permission in a filter; a literal name; allowed.
_ANY: Final = 1
_LITERAL: Final = 3
_ALLOWED: Final = 3


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the cluster has it."""

    name: str
    partitions: int
    #: Copies of the partition that has the fewest.
    replication: int
    has_leaders: bool
    #: Every setting in force, inherited or not.
    config: Mapping[str, str] = field(default_factory=dict)
    #: Those set on the topic itself.
    own_config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundAcl:
    """A permission or prohibition as the cluster has it; numbers are Kafka's."""

    principal: str
    host: str
    kind: int
    name: str
    pattern: int
    operation: int
    permission: int

    @property
    def acl(self) -> Acl | None:
        """The same in the form that we declare, or None when we declare nothing of the kind."""
        if (self.host, self.pattern, self.permission) != (ANY_HOST, _LITERAL, _ALLOWED):
            return None
        try:
            return Acl(self.principal, Kind(self.kind), self.name, Operation(self.operation))
        except ValueError:
            return None

    def __str__(self) -> str:
        if self.acl is not None:
            return str(self.acl)
        return (
            f"{self.principal}  operation {self.operation}, permission {self.permission}, from {self.host}, "
            f"on {self.name} (kind {self.kind}, pattern {self.pattern})"
        )


class Cluster:
    """Administration of a connected cluster. Every call may raise aiokafka's retriable errors."""

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin

    async def topics(self) -> dict[str, TopicState]:
        """All topics that are not Kafka's own, without their settings."""
        # Never asks for a topic by name: a cluster with auto-creation would create it.
        described = await self._admin.describe_topics()
        return {topic["topic"]: _topic_state(topic) for topic in described if not topic["is_internal"]}

    async def topics_with_config(self, names: Sequence[str]) -> dict[str, TopicState]:
        """Those of `names` that exist, with their settings."""
        found = await self.topics()
        existing = [name for name in names if name in found]
        if not existing:
            return {}
        answers = await self._admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in existing]
        )
        resources = [resource for answer in answers for resource in answer.to_object()["resources"]]
        return {
            resource["resource_name"]: _with_config(found[resource["resource_name"]], resource)
            for resource in resources
        }

    async def create(self, topics: Sequence[NewTopic]) -> None:
        """Create topics; one that somebody else created in the meantime is no error."""
        answer = await self._admin.create_topics(list(topics))
        for name, code, message in answer.topic_errors:
            _raise_for(name, code, message, unless=TopicAlreadyExistsError)

    async def grow(self, name: str, partitions: int) -> None:
        """Raise a topic's number of partitions."""
        try:
            await self._admin.create_partitions({name: NewPartitions(partitions)})
        except KafkaError as error:
            if error.retriable:
                raise
            raise TopicRefused(name, str(error)) from error

    async def set_config(self, topic: TopicState, changes: Mapping[str, str]) -> None:
        """Change some settings of a topic and leave its others as they are."""
        # The request replaces all of the topic's own settings: what an operator set goes with it.
        settings = {**topic.own_config, **changes}
        answers = await self._admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.name, settings)]
        )
        for answer in answers:
            for code, message, _, name in answer.resources:
                _raise_for(name, code, message)

    async def acls(self) -> list[FoundAcl]:
        """Every ACL of the cluster."""
        request = DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)
        answer = await self._ask(request)
        _raise_for_access(answer.error_code, answer.error_message)
        return [
            FoundAcl(principal, host, kind, name, pattern, operation, permission)
            for kind, name, pattern, entries in answer.resources
            for principal, host, operation, permission in entries
        ]

    async def allow(self, acls: Sequence[Acl]) -> None:
        """Create permissions; one that is there already stays."""
        for acl in acls:
            request = CreateAclsRequest(
                acl.kind, acl.name, _LITERAL, acl.principal, ANY_HOST, acl.operation, _ALLOWED
            )
            for code, message in (await self._ask(request)).creation_responses:
                _raise_for_access(code, message)

    async def remove(self, acls: Sequence[FoundAcl]) -> None:
        """Remove exactly these; one that is gone already is no error."""
        for acl in acls:
            request = DeleteAclsRequest(
                acl.kind, acl.name, acl.pattern, acl.principal, acl.host, acl.operation, acl.permission
            )
            for code, message, _ in (await self._ask(request)).filter_responses:
                _raise_for_access(code, message)

    async def _ask(self, request: Any) -> Any:
        # aiokafka 0.14 has the requests and no method of its client that sends them.
        return await self._admin._send_request(request)

    async def wait_for_leaders(self, partitions: Mapping[str, int]) -> None:
        """Return when each topic has that many partitions and all have a leader; the caller bounds it."""
        while True:
            found = await self.topics()
            if all(
                name in found and found[name].partitions >= count and found[name].has_leaders
                for name, count in partitions.items()
            ):
                return
            await asyncio.sleep(RETRY_PAUSE_S / 5)


async def on_cluster(
    bootstrap_servers: str,
    work: Callable[[Cluster], Awaitable[T]],
    *,
    timeout_s: float,
    client_options: Mapping[str, Any],
) -> T:
    """The result of `work` on the cluster at this address; repeats `work`, so it must be idempotent.

    Raises
    ------
    BrokerUnavailable
        There was no complete answer within `timeout_s`.
    """
    cause = "no answer"
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    return await _once(bootstrap_servers, work, timeout_s, client_options)
                except (KafkaError, TimeoutError, OSError) as error:
                    if isinstance(error, KafkaError) and not error.retriable:
                        raise
                    cause = last_complaint() or str(error) or type(error).__name__
                await asyncio.sleep(RETRY_PAUSE_S)
    except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError) as error:
        raise AccessRefused(f"this principal may not: {error}") from error
    except (KafkaError, TimeoutError) as error:
        cause = str(error) or cause
        raise BrokerUnavailable(bootstrap_servers, timeout_s=timeout_s, cause=cause) from error


async def _once(
    bootstrap_servers: str,
    work: Callable[[Cluster], Awaitable[T]],
    timeout_s: float,
    client_options: Mapping[str, Any],
) -> T:
    options = {"request_timeout_ms": round(timeout_s * 1000), **client_options}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, **options)
    try:
        await admin.start()
        return await work(Cluster(admin))
    finally:
        await admin.close()


def _topic_state(described: Mapping[str, Any]) -> TopicState:
    partitions = described["partitions"]
    return TopicState(
        name=described["topic"],
        partitions=len(partitions),
        replication=min((len(partition["replicas"]) for partition in partitions), default=0),
        has_leaders=all(partition["leader"] >= 0 for partition in partitions),
    )


def _with_config(topic: TopicState, resource: Mapping[str, Any]) -> TopicState:
    _raise_for(topic.name, resource["error_code"], resource["error_message"])
    entries = resource["config_entries"]
    return TopicState(
        name=topic.name,
        partitions=topic.partitions,
        replication=topic.replication,
        has_leaders=topic.has_leaders,
        config={entry["config_names"]: entry["config_value"] for entry in entries},
        own_config={
            entry["config_names"]: entry["config_value"]
            for entry in entries
            if entry["config_source"] == _SET_ON_TOPIC
        },
    )


def _raise_for(name: str, code: int, message: str | None, *, unless: type[KafkaError] | None = None) -> None:
    """Nothing for code 0; the retriable error itself; `TopicRefused` for all others."""
    if code == 0:
        return
    error_type = for_code(code)
    if unless is not None and issubclass(error_type, unless):
        return
    if error_type.retriable:
        raise error_type(message)
    raise TopicRefused(name, message or error_type.__name__)


def _raise_for_access(code: int, message: str | None) -> None:
    if code == 0:
        return
    error_type = for_code(code)
    if error_type.retriable:
        raise error_type(message)
    raise AccessRefused(message or error_type.__name__)
