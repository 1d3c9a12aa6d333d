"""Who may do what on the cluster: one role per process or person, and nothing that is not listed here.

    role          what it is for             reads, writes, groups …     →  principal × operation × resource

`infra.kafka.access` makes a cluster's ACLs what this table says; `scorestream acls show` prints it.
A role's principal is `User:<role>` unless the installation names another. Reading and writing a topic
include seeing that it is there; what an idempotent producer needs beyond writing is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from contracts.lanes import Lane
from contracts.topics import (
    APPLICATIONS,
    APPLICATIONS_BATCH,
    APPLICATIONS_DLQ,
    DRIFT_REPORTS,
    FEATURE_SNAPSHOTS,
    MODEL_PROMOTIONS,
    OUTCOMES,
    PREDICTIONS,
    PREDICTIONS_BATCH,
    REPLIES,
    TOPICS,
    Topic,
)

ANY_HOST: Final = "*"
#: The name by which ACLs call the cluster itself.
CLUSTER_NAME: Final = "kafka-cluster"


class Operation(IntEnum):
    """What is allowed, with Kafka's number for it."""

    READ = 3
    WRITE = 4
    CREATE = 5
    ALTER = 7
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11


class Kind(IntEnum):
    """On what, with Kafka's number for it."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One permission, from any host: principal × operation × the resource of exactly this name."""

    principal: str
    kind: Kind
    name: str
    operation: Operation

    def __str__(self) -> str:
        return f"{self.principal}  {self.operation.name:<16}  {self.kind.name.lower():<7}  {self.name}"


@dataclass(frozen=True, slots=True)
class Role:
    """What one process, or one kind of person, does on the cluster."""

    name: str
    purpose: str
    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    #: Seen with their offsets, not read.
    sees: tuple[Topic, ...] = ()
    #: Seen with their settings, not read.
    inspects: tuple[Topic, ...] = ()
    #: Consumer groups it is a member of.
    groups: tuple[str, ...] = ()
    #: Groups whose committed offsets it looks at.
    watches: tuple[str, ...] = ()
    #: Whether it makes topics and ACLs.
    administers: bool = False
    #: Whether it answers on the reply topics that requesters bring along.
    answers: bool = False

    def acls(self, principal: str, reply_topics: Sequence[str] = ()) -> Iterator[Acl]:
        """The role's permissions under the name of `principal`."""
        for topic in self.reads:
            yield Acl(principal, Kind.TOPIC, topic.name, Operation.READ)
        for topic in self.writes:
            yield Acl(principal, Kind.TOPIC, topic.name, Operation.WRITE)
        for topic in (*self.sees, *self.inspects):
            yield Acl(principal, Kind.TOPIC, topic.name, Operation.DESCRIBE)
        for topic in self.inspects:
            yield Acl(principal, Kind.TOPIC, topic.name, Operation.DESCRIBE_CONFIGS)
        for name in reply_topics if self.answers else ():
            yield Acl(principal, Kind.TOPIC, name, Operation.WRITE)
        for group in self.groups:
            yield Acl(principal, Kind.GROUP, group, Operation.READ)
        for group in self.watches:
            yield Acl(principal, Kind.GROUP, group, Operation.DESCRIBE)
        if self.administers:
            yield from _administration(principal)


def _scorer(lane: Lane) -> Role:
    return Role(
        f"scorer-{lane.value}",
        f"decides the {lane.value} lane's applications",
        # Its own predictions are read back at a takeover, and when somebody else wrote between them.
        reads=(lane.applications, lane.predictions, MODEL_PROMOTIONS, FEATURE_SNAPSHOTS),
        writes=(lane.predictions, REPLIES, APPLICATIONS_DLQ),
        groups=(lane.consumer_group,),
        answers=True,
    )


_GROUPS: Final = tuple(lane.consumer_group for lane in Lane)

ROLES: Final[tuple[Role, ...]] = (
    Role(
        "gateway",
        "accepts applications over HTTP and passes their replies on",
        reads=(REPLIES, MODEL_PROMOTIONS, FEATURE_SNAPSHOTS),
        writes=(APPLICATIONS, OUTCOMES),
    ),
    *map(_scorer, Lane),
    Role(
        "ledger",
        "keeps every application and its decision by id; its offsets are in its database",
        reads=(APPLICATIONS, APPLICATIONS_BATCH, PREDICTIONS, PREDICTIONS_BATCH, APPLICATIONS_DLQ),
    ),
    Role(
        "archive",
        "writes predictions and outcomes to Parquet; its offsets are in its file names",
        # The newest drift report is shown by the process that always runs.
        reads=(PREDICTIONS, PREDICTIONS_BATCH, OUTCOMES, DRIFT_REPORTS),
    ),
    Role(
        "lag-exporter",
        "measures lag, the age of the oldest undecided application, and how long each topic is",
        # The age is a record's own time, which only reading it tells.
        reads=(APPLICATIONS, APPLICATIONS_BATCH),
        sees=TOPICS,
        watches=_GROUPS,
    ),
    Role(
        "training",
        "announces promoted models, feature snapshots and what a drift run found: Airflow's pods are this",
        writes=(MODEL_PROMOTIONS, FEATURE_SNAPSHOTS, DRIFT_REPORTS),
    ),
    Role("feature-publisher", "announces feature snapshots built elsewhere", writes=(FEATURE_SNAPSHOTS,)),
    Role(
        "batch-producer",
        "sends files through the batch lane and collects their decisions (scorestream score-batch)",
        # What it sent is read back, so that a batch that was stopped goes on without sending twice.
        reads=(APPLICATIONS_BATCH, PREDICTIONS_BATCH, APPLICATIONS_DLQ),
        writes=(APPLICATIONS_BATCH,),
    ),
    Role(
        "application-producer",
        "any other system that writes applications itself",
        writes=(APPLICATIONS, APPLICATIONS_BATCH),
    ),
    Role(
        "operator",
        "looks at the platform and puts dead letters back (scorestream status, dlq)",
        reads=(APPLICATIONS_DLQ, PREDICTIONS, PREDICTIONS_BATCH, DRIFT_REPORTS),
        writes=(APPLICATIONS, APPLICATIONS_BATCH),
        inspects=TOPICS,
        watches=_GROUPS,
    ),
    Role("platform-admin", "makes topics and ACLs (scorestream topics, acls)", administers=True),
)


def declared_acls(
    principals: Mapping[str, str] | None = None, *, reply_topics: Sequence[str] = ()
) -> tuple[Acl, ...]:
    """Every permission of every role, sorted.

    Parameters
    ----------
    principals
        Kafka's principal by role, where it is not `User:<role>`: `User:CN=gateway,O=bank`.
    reply_topics
        Topics that scorers may answer on besides `replies` (SCORER_REPLY_TOPICS).
    """
    named = principals or {}
    return tuple(
        sorted(
            {
                acl
                for role in ROLES
                for acl in role.acls(named.get(role.name, f"User:{role.name}"), reply_topics)
            }
        )
    )


def _administration(principal: str) -> Iterator[Acl]:
    for operation in (Operation.CREATE, Operation.ALTER, Operation.DESCRIBE):
        yield Acl(principal, Kind.CLUSTER, CLUSTER_NAME, operation)
    for topic in TOPICS:
        for operation in (
            Operation.DESCRIBE,
            Operation.ALTER,
            Operation.DESCRIBE_CONFIGS,
            Operation.ALTER_CONFIGS,
        ):
            yield Acl(principal, Kind.TOPIC, topic.name, operation)
