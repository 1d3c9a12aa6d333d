"""The PostgreSQL server of the integration tests, and what takes long and is tested elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import NoPostgres, PostgresServer
from training.pictures import draw_all

_drawn: dict[str, bytes] = {}


@pytest.fixture
def pictures_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model's run gets the first one's pictures: drawing takes longer than registering."""

    def draw(folder: Path, *arguments: Any, **named: Any) -> list[Path]:
        if not _drawn:
            _drawn.update({path.name: path.read_bytes() for path in draw_all(folder, *arguments, **named)})
        for name, picture in _drawn.items():
            (folder / name).write_bytes(picture)
        return [folder / name for name in _drawn]

    monkeypatch.setattr("training.mlflow_runs.draw_all", draw)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server; skipped, with the reason, where there is none."""
    try:
        server = PostgresServer()
        server.start()
    except NoPostgres as error:
        pytest.skip(str(error))
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, fresh_name: Callable[[str], str]) -> str:
    """Address of an empty database of the test's own."""
    return postgres_server.create(fresh_name("ledger").replace("-", "_"))
