"""What the group has committed: the next input offset per partition, and the note that its owner left.

The note is the commit's metadata, so it outlives the process that wrote it:

    "working"       an owner is, or was, at work from here; if it is gone now, it died
    "clean"         the owner let go in order
    "trying:2"      the record at this very offset is being tried for the second time
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.runtime.kafka import KafkaConnection

WORKING: Final = "working"
CLEAN: Final = "clean"
_TRYING: Final = "trying:"


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed offset; all before it is decided."""

    offset: int
    note: str

    @property
    def tries(self) -> int:
        """Times that the record at `offset` was tried by owners that died, as far as is known."""
        if self.note.startswith(_TRYING) and self.note.removeprefix(_TRYING).isdigit():
            return int(self.note.removeprefix(_TRYING))
        return 1 if self.note == WORKING else 0


def trying(attempt: int) -> str:
    """The note for a record that is about to be tried for the `attempt`-th time."""
    return f"{_TRYING}{attempt}"


class CommittedOffsets(Protocol):
    """Reads the group's commits."""

    async def read(self, partitions: set[int]) -> dict[int, Commit]:
        """The commit of each of `partitions` that has one."""


class KafkaCommittedOffsets:
    """CommittedOffsets by aiokafka's admin client."""

    def __init__(self, connection: KafkaConnection, *, group: str, topic: str) -> None:
        self._connection = connection
        self._group = group
        self._topic = topic
        self._admin: AIOKafkaAdminClient | None = None

    async def start(self) -> None:
        """Connect. Raises aiokafka's KafkaConnectionError when no broker answers."""
        admin = AIOKafkaAdminClient(**self._connection.client_options())
        try:
            await admin.start()
        except BaseException:
            await admin.close()
            raise
        self._admin = admin

    async def stop(self) -> None:
        """Disconnect."""
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    async def read(self, partitions: set[int]) -> dict[int, Commit]:
        """See CommittedOffsets."""
        if self._admin is None:
            raise RuntimeError("KafkaCommittedOffsets.start() was not awaited")
        wanted = [TopicPartition(self._topic, partition) for partition in sorted(partitions)]
        if not wanted:
            return {}
        found = await self._admin.list_consumer_group_offsets(self._group, partitions=wanted)
        return {
            where.partition: Commit(commit.offset, commit.metadata or "")
            for where, commit in found.items()
            if commit.offset >= 0
        }
