"""What the archive says while it can't follow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest
from aiokafka import TopicPartition

from infra.runtime.reading import LogReader
from scorestream.commands.topics import topics
from training.archive.buffers import Limits
from training.archive.errors import LogUnavailable
from training.archive.following import Following
from training.archive.settings import ArchiveSettings
from training.archive.store import ArchiveStore
from training.archive.writing import ArchiveWriter

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class EmptyCluster:
    async def partitions(self, topic: str) -> list[TopicPartition]:
        return []


async def test_a_topic_that_is_not_there_is_mended_by_a_command_that_is(tmp_path: Path) -> None:
    writer = ArchiveWriter(ArchiveStore(str(tmp_path)), Limits(60, 1_000, 1_000_000))
    following = Following(ArchiveSettings(), writer)
    with pytest.raises(LogUnavailable) as raised:
        await following._begin(cast(LogReader, EmptyCluster()))
    named = re.search(r"scorestream topics (\w+)", str(raised.value))
    assert named is not None
    assert named[1] in topics.commands
