"""A lane's tables in a SQLite file of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.lanes import Lane
from gateway.ledger.database import LaneDatabase, open_lane


@pytest.fixture
def database(tmp_path: Path) -> Iterator[LaneDatabase]:
    """Prepared tables of the sync lane."""
    opened = open_lane(f"sqlite:///{tmp_path}/ledger.db", Lane.SYNC)
    opened.prepare(wait_s=5)
    yield opened
    opened.close()
