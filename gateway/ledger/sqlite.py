"""A lane's tables in a SQLite file.

    ledger-sync.db       a symbolic link to the current file
    ledger-sync.3.db     the current file, in WAL mode
    ledger-sync.4.db     being rebuilt

A swap moves the link, which is one step for everybody. Who still writes to the old file for a
moment does no harm: each file holds its own offsets, so the new one misses nothing.
"""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event

from contracts.lanes import Lane
from gateway.ledger.database import LaneDatabase, storage_errors
from gateway.ledger.errors import StorageUnavailable

_LOCK_POLL_S: Final = 0.05
_SETTINGS: Final = (
    "PRAGMA journal_mode=WAL",
    # After a power cut the last transactions may be gone, with their offsets: the log has them.
    "PRAGMA synchronous=NORMAL",
    "PRAGMA busy_timeout=10000",
    "PRAGMA cache_size=-32768",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=67108864",
)


class SqliteLane:
    """See LaneDatabase. `base` is the path in the URL; a lane's files are named after it."""

    is_partitioned = False

    def __init__(self, base: str, lane: Lane, *, file: Path | None = None) -> None:
        self.lane = lane
        path = Path(base).absolute()
        self._base = base
        self._suffix = path.suffix or ".db"
        self._stem = path.with_name(f"{path.stem}-{lane.value}")
        self._link = self._stem.with_name(self._stem.name + self._suffix)
        self._fixed = file
        self._engines: dict[tuple[Path, bool], Engine] = {}

    def prepare(self, *, wait_s: float) -> None:
        """See LaneDatabase."""
        from gateway.ledger.migrate import migrate  # noqa: PLC0415 - only a writer needs Alembic

        with storage_errors():
            self._stem.parent.mkdir(parents=True, exist_ok=True)
            with self._locked("lock", wait_s=wait_s):
                if self._fixed is None and not self._link.is_symlink():
                    self._point_at(self._numbered(1))
                with self._engine(is_writing=True).begin() as connection:
                    migrate(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See LaneDatabase."""
        if not self._current().exists():
            raise StorageUnavailable("the database is not made yet")
        with storage_errors(), self._engine(is_writing=False).begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """See LaneDatabase."""
        with storage_errors(), self._engine(is_writing=True).begin() as connection:
            yield connection

    def make_months(self, connection: Connection, months: Collection[int]) -> None:
        """Nothing: SQLite has one table."""

    @contextmanager
    def rebuilding(self) -> Iterator[LaneDatabase]:
        """See LaneDatabase."""
        with self._locked("rebuild.lock", wait_s=0):
            current = self._current()
            number = int(current.suffixes[-2][1:]) if len(current.suffixes) > 1 else 0
            file = self._numbered(number + 1)
            _remove(file)
            rebuilt = SqliteLane(self._base, self.lane, file=file)
            try:
                yield rebuilt
            finally:
                rebuilt.close()
                if self._current() != file:
                    _remove(file)

    def swap(self, rebuilt: LaneDatabase) -> None:
        """See LaneDatabase."""
        if not isinstance(rebuilt, SqliteLane) or rebuilt._fixed is None:
            raise TypeError("these tables were not made by rebuilding()")
        replaced = self._current()
        rebuilt.close()
        with storage_errors():
            self._point_at(rebuilt._fixed)
            self.close()
            # Whoever has it open keeps it until the next look at the link.
            _remove(replaced)

    def close(self) -> None:
        """See LaneDatabase."""
        engines, self._engines = self._engines, {}
        for engine in engines.values():
            engine.dispose()

    def _current(self) -> Path:
        if self._fixed is not None:
            return self._fixed
        try:
            return self._link.parent / self._link.readlink()
        except OSError as error:
            raise StorageUnavailable("the database is not made yet") from error

    def _engine(self, *, is_writing: bool) -> Engine:
        current = self._current()
        if (current, is_writing) not in self._engines:
            if any(file != current for file, _ in self._engines):
                self.close()
            # Several threads may come here first; the loser's engine has no connection yet.
            self._engines.setdefault((current, is_writing), _engine(current, is_writing=is_writing))
        return self._engines[current, is_writing]

    def _point_at(self, file: Path) -> None:
        draft = self._link.with_name(self._link.name + ".new")
        draft.unlink(missing_ok=True)
        draft.symlink_to(file.name)
        draft.replace(self._link)

    def _numbered(self, number: int) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{number}{self._suffix}")

    @contextmanager
    def _locked(self, name: str, *, wait_s: float) -> Iterator[None]:
        deadline = time.monotonic() + wait_s
        with self._stem.with_name(f"{self._stem.name}.{name}").open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise StorageUnavailable(f"another process holds {file.name}") from None
                time.sleep(_LOCK_POLL_S)
            yield


def _engine(file: Path, *, is_writing: bool) -> Engine:
    engine = create_engine(f"sqlite:///{file}", pool_size=1 if is_writing else 8, pool_timeout=5)

    def connected(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, not at the first change
        settings = _SETTINGS if is_writing else ("PRAGMA busy_timeout=1000", "PRAGMA query_only=ON")
        for setting in settings:
            connection.execute(setting)

    def begun(connection: Connection) -> None:
        # A writer takes the write lock before it reads what it is going to change.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
