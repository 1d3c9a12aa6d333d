"""Where a lane's tables are: a set of tables per lane, current or being rebuilt.

Each lane has its own, so that the two writers share no lock: with one SQLite file a batch's
transactions would stand before the sync lane's. `gateway.ledger.sqlite` and `.postgresql` are the two
kinds; everything else works on the `LaneDatabase` that `open_lane` returns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from contracts.lanes import Lane
from gateway.ledger.errors import StorageUnavailable, UnsupportedDatabase


class LaneDatabase(Protocol):
    """One set of tables. Connections are pooled; every call may raise StorageUnavailable."""

    lane: Lane
    #: Whether `applications` is split by month, and ids are found through `application_months`.
    is_partitioned: bool

    def prepare(self, *, wait_s: float) -> None:
        """Make or migrate the tables, alone among all processes."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for one transaction that sees one moment and changes nothing."""

    def writing(self) -> AbstractContextManager[Connection]:
        """A connection for one transaction, committed when the block ends without an error."""

    def make_months(self, connection: Connection, months: Collection[int]) -> None:
        """Have a place for rows of these months, where the database needs one made."""

    def rebuilding(self) -> AbstractContextManager[LaneDatabase]:
        """Empty tables beside the current ones; they are removed unless `swap` made them current.

        Raises StorageUnavailable when another process rebuilds this lane.
        """

    def swap(self, rebuilt: LaneDatabase) -> None:
        """Make `rebuilt` the current tables in one step, and remove those that were."""

    def close(self) -> None:
        """Close the pooled connections."""


def open_lane(url: str, lane: Lane) -> LaneDatabase:
    """The tables of `lane` in the database at `url`; nothing is connected yet.

    Raises UnsupportedDatabase, naming the mend, for any other kind of URL.
    """
    from gateway.ledger.postgresql import PostgresqlLane  # noqa: PLC0415 - both build on this module
    from gateway.ledger.sqlite import SqliteLane  # noqa: PLC0415

    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UnsupportedDatabase("LEDGER_DATABASE_URL is no database URL") from None
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return SqliteLane(parsed.database or "", lane)
    if backend in {"postgresql", "postgres"}:
        return PostgresqlLane(parsed, lane)
    raise UnsupportedDatabase(
        "LEDGER_DATABASE_URL must be sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
    )


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate the database's errors to StorageUnavailable, without the values they quote."""
    try:
        yield
    except DBAPIError as error:
        raise StorageUnavailable(_first_line(error.orig or error)) from error
    except (PoolTimeout, OSError) as error:
        raise StorageUnavailable(_first_line(error)) from error


def _first_line(error: BaseException) -> str:
    # What follows the first line may quote the row.
    line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {line[:200]}"
