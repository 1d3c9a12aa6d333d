"""`scorestream topics`: create the declared topics on a cluster, or compare the two."""

from __future__ import annotations

from collections.abc import Mapping

import click
from rich.console import Console
from rich.table import Table

from contracts.topics import DAY_MS, DEFAULT_PARTITIONS, TOPICS, Topic
from infra.kafka.cluster import TopicState
from infra.kafka.topics import Difference, TopicsReport, config_differences, ensure_topics, topic_states
from infra.runtime.kafka import KafkaConnection
from scorestream.commands.cluster_options import administered, bootstrap_servers, timeout


@click.group()
def topics() -> None:
    """The topics of the platform on a Kafka cluster."""


@topics.command()
@bootstrap_servers
@click.option(
    "--partitions",
    envvar="KAFKA_TOPIC_PARTITIONS",
    default=DEFAULT_PARTITIONS,
    show_default=True,
    show_envvar=True,
    type=click.IntRange(min=1),
    help="Partitions of the per-applicant topics.",
)
@click.option(
    "--replication",
    envvar="KAFKA_TOPIC_REPLICATION",
    default=3,
    show_default=True,
    show_envvar=True,
    type=click.IntRange(min=1),
    help="Copies of each record; 1 on a single broker.",
)
@click.option(
    "--grow",
    is_flag=True,
    help="Add missing partitions to existing topics. Moves applicants between partitions.",
)
@timeout
def ensure(
    *, bootstrap_servers: str, partitions: int, replication: int, grow: bool, timeout_s: float
) -> None:
    """Create what is missing and set what differs; never shrinks, never deletes."""
    connection = KafkaConnection(bootstrap_servers=bootstrap_servers)
    report = administered(
        ensure_topics(
            bootstrap_servers,
            partitions=partitions,
            replication=replication,
            grow=grow,
            timeout_s=timeout_s,
            **connection.login_options(),
        )
    )
    _print_report(report)


@topics.command(name="list")
@bootstrap_servers
@timeout
def list_topics(*, bootstrap_servers: str, timeout_s: float) -> None:
    """Show the declared topics and how the cluster has them."""
    login = KafkaConnection(bootstrap_servers=bootstrap_servers).login_options()
    states = administered(topic_states(bootstrap_servers, timeout_s=timeout_s, **login))
    Console().print(_table(bootstrap_servers, states))


def _print_report(report: TopicsReport) -> None:
    for name in report.created:
        click.echo(f"created  {name}")
    for name in report.grown:
        click.echo(f"grown    {name}")
    for change in report.altered:
        click.echo(f"changed  {change.topic}: {change.setting} {change.found} -> {change.declared}")
    for left in report.left:
        click.echo(f"left     {left.topic}: {left.setting} is {left.found}, declared {left.declared}")
    if not report.has_changed_something:
        click.echo("nothing to do: all topics exist")


def _table(bootstrap_servers: str, states: Mapping[str, TopicState]) -> Table:
    table = Table(title=f"Topics at {bootstrap_servers}")
    table.add_column("topic", no_wrap=True)
    table.add_column("keeps", no_wrap=True)
    table.add_column("partitions", justify="right")
    table.add_column("copies", justify="right")
    table.add_column("state", overflow="fold")
    for topic in TOPICS:
        state = states.get(topic.name)
        shape = (str(state.partitions), str(state.replication)) if state else ("-", "-")
        table.add_row(topic.name, _retention(topic), *shape, _comparison(topic, state))
    return table


def _retention(topic: Topic) -> str:
    if topic.is_compacted:
        return "newest per key"
    days = topic.retention_ms / DAY_MS
    return f"{days:g} d" if days >= 1 else f"{topic.retention_ms / 60_000:g} min"


def _comparison(topic: Topic, state: TopicState | None) -> str:
    if state is None:
        return "missing"
    if not state.has_leaders:
        return "a partition has no leader"
    return ", ".join(map(_spelled_out, config_differences(topic, state))) or "as declared"


def _spelled_out(difference: Difference) -> str:
    return f"{difference.setting} is {difference.found}, declared {difference.declared}"
