"""A lane's tables in a PostgreSQL schema: `ledger_sync`, `ledger_batch`; `…_rebuild` while it is rebuilt.

`applications` is split by month: dropping a month is dropping a table, and the indexes that are
written to stay small. A swap renames the two schemas in one transaction; names are looked up anew
by every statement after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, text

from contracts.lanes import Lane
from gateway.ledger.database import LaneDatabase, storage_errors
from gateway.ledger.errors import StorageUnavailable

#: Rows of months outside of this many years around now go to the default partition.
_YEARS_WITH_MONTHS: Final = 10
_CONNECT: Final = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5}


class PostgresqlLane:
    """See LaneDatabase."""

    is_partitioned = True

    def __init__(self, url: URL, lane: Lane, *, schema: str | None = None) -> None:
        self.lane = lane
        self.schema = schema or f"ledger_{lane.value}"
        self._url = url.set(drivername="postgresql+psycopg")
        self._writer = self._engine("-cstatement_timeout=600000", pool_size=1)
        self._reader = self._engine(
            "-cdefault_transaction_read_only=on -cdefault_transaction_isolation=repeatable\\ read"
            " -cstatement_timeout=5000",
            pool_size=8,
        )

    def prepare(self, *, wait_s: float) -> None:
        """See LaneDatabase."""
        from gateway.ledger.migrate import migrate  # noqa: PLC0415 - only a writer needs Alembic

        with storage_errors(), self._writer.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(wait_s * 1000)}")
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": self.schema})
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {self.schema}")
            migrate(connection)
            self.make_months(connection, _coming_months())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See LaneDatabase."""
        with storage_errors(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """See LaneDatabase."""
        with storage_errors(), self._writer.begin() as connection:
            yield connection

    def make_months(self, connection: Connection, months: Collection[int]) -> None:
        """See LaneDatabase."""
        # Asked each time: after a swap the tables are others, and a row without a month's table would
        # go to the default one and block the making of the right one for ever.
        present = set(
            connection.scalars(
                text("SELECT relname FROM pg_class WHERE relnamespace = CAST(:schema AS regnamespace)"),
                {"schema": self.schema},
            )
        )
        for month in sorted(months):
            if _has_partition(month) and partition_name(month) not in present:
                connection.exec_driver_sql(
                    f"CREATE TABLE {partition_name(month)} PARTITION OF applications FOR VALUES IN ({month})"
                )

    @contextmanager
    def rebuilding(self) -> Iterator[LaneDatabase]:
        """See LaneDatabase."""
        rebuilt = PostgresqlLane(self._url, self.lane, schema=f"ledger_{self.lane.value}_rebuild")
        lock = {"name": rebuilt.schema + " lock"}
        try:
            with storage_errors(), self._reader.connect() as held:
                if not held.scalar(text("SELECT pg_try_advisory_lock(hashtext(:name))"), lock):
                    raise StorageUnavailable(f"another process rebuilds the {self.lane.value} lane")
                held.commit()
                self._drop(rebuilt.schema)
                try:
                    yield rebuilt
                finally:
                    rebuilt.close()
                    self._drop(rebuilt.schema)
                    held.execute(text("SELECT pg_advisory_unlock(hashtext(:name))"), lock)
        finally:
            rebuilt.close()

    def swap(self, rebuilt: LaneDatabase) -> None:
        """See LaneDatabase."""
        if not isinstance(rebuilt, PostgresqlLane):
            raise TypeError("these tables were not made by rebuilding()")
        replaced = f"{self.schema}_replaced"
        self._drop(replaced)
        with storage_errors(), self._writer.begin() as connection:
            connection.exec_driver_sql(f"ALTER SCHEMA {self.schema} RENAME TO {replaced}")
            connection.exec_driver_sql(f"ALTER SCHEMA {rebuilt.schema} RENAME TO {self.schema}")
        self._drop(replaced)

    def close(self) -> None:
        """See LaneDatabase."""
        self._writer.dispose()
        self._reader.dispose()

    def _drop(self, schema: str) -> None:
        with storage_errors(), self._writer.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    def _engine(self, options: str, *, pool_size: int) -> Engine:
        given = self._url.query.get("options", "")
        url = self._url.difference_update_query(["options"])
        everything = (
            f"{given if isinstance(given, str) else ' '.join(given)} -csearch_path={self.schema} {options}"
        )
        return create_engine(
            url, pool_size=pool_size, pool_timeout=5, connect_args={**_CONNECT, "options": everything.strip()}
        )


def partition_name(month: int) -> str:
    """The table that holds the rows of a month."""
    return f"applications_{month}"


def _coming_months() -> list[int]:
    now = datetime.now(UTC)
    months = [now.year * 12 + now.month - 1 + ahead for ahead in range(3)]
    return [month // 12 * 100 + month % 12 + 1 for month in months]


def _has_partition(month: int) -> bool:
    return abs(month // 100 - datetime.now(UTC).year) <= _YEARS_WITH_MONTHS
