"""Makes a cluster's topics what `contracts.topics` declares: idempotent, never shrinks, never deletes.

    missing                              created
    too few partitions                   `TooFewPartitions`, or grown if asked for
    a setting differs                    set as declared
    ... and that would delete records    left and reported (a shorter retention, another clean-up policy)
    more partitions, other replication   left and reported

Called by `scorestream topics ensure`, by the local platform and by the chart's install hook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import NewTopic

from contracts.topics import TOPICS, Topic
from infra.kafka.cluster import Cluster, TopicState, on_cluster
from infra.kafka.errors import TooFewPartitions

UNLIMITED: Final = -1
DEFAULT_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of an existing topic that is not what was asked for."""

    topic: str
    setting: str
    found: str
    declared: str


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """What `ensure_topics` did, and what it found and left alone."""

    created: tuple[str, ...] = ()
    grown: tuple[str, ...] = ()
    altered: tuple[Difference, ...] = ()
    #: Differences that only a person may resolve, since records or their placement depend on them.
    left: tuple[Difference, ...] = ()

    @property
    def has_changed_something(self) -> bool:
        """False if the cluster was as declared, or differs only in what is left alone."""
        return bool(self.created or self.grown or self.altered)


async def ensure_topics(
    bootstrap_servers: str,
    *,
    partitions: int,
    replication: int,
    topics: Sequence[Topic] = TOPICS,
    grow: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    **kafka_client_options: Any,
) -> TopicsReport:
    """What had to be done so that every topic exists; returns when all partitions have a leader.

    Parameters
    ----------
    partitions
        For the per-applicant topics; control topics have one.
    replication
        Copies of a record. From three on, two of them must be in sync for `acks=all`.
    grow
        Raise the partitions of an existing topic. That moves keys: an applicant's next record may
        go to another partition than the earlier ones. Only while nothing is in flight.
    kafka_client_options
        Passed to aiokafka's admin client: `security_protocol`, `ssl_context`, `sasl_…`.

    Raises
    ------
    TooFewPartitions, TopicRefused
        Nothing that exists was changed for it; topics that were missing may have been created.
    BrokerUnavailable
        The cluster did not answer within `timeout_s`; calling again goes on where it stopped.
    """

    needed = {topic.name: topic.partitions(partitions) for topic in topics}
    return await on_cluster(
        bootstrap_servers,
        lambda cluster: _ensure(cluster, topics, needed=needed, replication=replication, grow=grow),
        timeout_s=timeout_s,
        client_options=kafka_client_options,
    )


async def topic_states(
    bootstrap_servers: str,
    *,
    topics: Sequence[Topic] = TOPICS,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    **kafka_client_options: Any,
) -> dict[str, TopicState]:
    """Those of the declared topics that exist, as the cluster has them; raises `BrokerUnavailable`."""
    names = [topic.name for topic in topics]
    return await on_cluster(
        bootstrap_servers,
        lambda cluster: cluster.topics_with_config(names),
        timeout_s=timeout_s,
        client_options=kafka_client_options,
    )


def declared_config(topic: Topic, *, replication: int) -> dict[str, str]:
    """Settings of a topic with this many copies: the contract's, and what keeps acknowledged records."""
    return {
        **topic.config(),
        "min.insync.replicas": "2" if replication >= 3 else "1",
        "unclean.leader.election.enable": "false",
    }


def config_differences(topic: Topic, state: TopicState) -> tuple[Difference, ...]:
    """Settings of an existing topic that differ from the declared ones."""
    # By the copies it has, not those asked for: two in-sync copies of one would refuse every write.
    declared = declared_config(topic, replication=state.replication)
    return tuple(
        Difference(topic.name, setting, found=state.config.get(setting, ""), declared=value)
        for setting, value in declared.items()
        if state.config.get(setting) != value
    )


def would_delete(difference: Difference) -> bool:
    """True if setting the declared value could remove records that are kept now."""
    if difference.setting == "cleanup.policy":
        return True
    if difference.setting not in {"retention.ms", "retention.bytes"}:
        return False
    found, declared = int(difference.found), int(difference.declared)
    return declared != UNLIMITED and (found == UNLIMITED or declared < found)


async def _ensure(
    cluster: Cluster, topics: Sequence[Topic], *, needed: Mapping[str, int], replication: int, grow: bool
) -> TopicsReport:
    """One attempt; what an attempt before it did, it finds done."""
    found = await cluster.topics_with_config(list(needed))
    small = _too_small(found, needed)
    if small and not grow:
        raise TooFewPartitions(small[0], has=found[small[0]].partitions, needs=needed[small[0]])
    missing = [topic for topic in topics if topic.name not in found]
    if missing:
        await cluster.create([_new_topic(topic, needed[topic.name], replication) for topic in missing])
    for name in small:
        await cluster.grow(name, needed[name])
    created = tuple(topic.name for topic in missing)
    await cluster.wait_for_leaders({name: needed[name] for name in (*created, *small)})
    altered: list[Difference] = []
    left: list[Difference] = []
    for topic in topics:
        if state := found.get(topic.name):
            altered += await _set_declared(cluster, topic, state)
            left += _left_alone(topic, state, partitions=needed[topic.name], replication=replication)
    return TopicsReport(created=created, grown=tuple(small), altered=tuple(altered), left=tuple(left))


def _too_small(found: Mapping[str, TopicState], needed: Mapping[str, int]) -> list[str]:
    return [name for name, count in needed.items() if name in found and found[name].partitions < count]


def _new_topic(topic: Topic, partitions: int, replication: int) -> NewTopic:
    config = declared_config(topic, replication=replication)
    return NewTopic(topic.name, partitions, replication, topic_configs=config)


async def _set_declared(cluster: Cluster, topic: Topic, state: TopicState) -> tuple[Difference, ...]:
    """Set what may be set; returns it."""
    differences = tuple(found for found in config_differences(topic, state) if not would_delete(found))
    if differences:
        await cluster.set_config(state, {found.setting: found.declared for found in differences})
    return differences


def _left_alone(
    topic: Topic, state: TopicState, *, partitions: int, replication: int
) -> tuple[Difference, ...]:
    """Differences that ensuring does not touch."""
    left = [found for found in config_differences(topic, state) if would_delete(found)]
    if state.partitions > partitions:
        left.append(Difference(topic.name, "partitions", str(state.partitions), str(partitions)))
    if state.replication != replication:
        left.append(Difference(topic.name, "replication", str(state.replication), str(replication)))
    return tuple(left)
