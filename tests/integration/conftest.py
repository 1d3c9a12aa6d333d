"""The PostgreSQL server of the integration tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.postgres import NoPostgres, PostgresServer


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
