"""Forgetting: rows of months that are over for longer than they are kept."""

from __future__ import annotations

import time
from typing import Final

import structlog
from sqlalchemy import Connection, delete, func, select, text

from gateway.ledger.database import LaneDatabase
from gateway.ledger.rules import month_of
from gateway.ledger.tables import CARRIED, application_months, applications, idempotency_keys, tallies

log = structlog.get_logger()

#: Rows in one transaction where rows must be deleted one by one: the lane's writer waits meanwhile.
_ROWS_PER_STEP: Final = 5_000


def forget_old_months(database: LaneDatabase, *, keep_months: int, now_ms: int | None = None) -> int:
    """Remove rows of all but the current month and the `keep_months` before it; how many.

    Raises StorageUnavailable. The log is not asked: what is removed here and still in the log comes
    back with a rebuild.
    """
    oldest = oldest_kept(month_of(time.time_ns() // 1_000_000 if now_ms is None else now_ms), keep_months)
    removed = 0
    while True:
        with database.writing() as connection:
            step = _forget_some(connection, oldest, is_partitioned=database.is_partitioned)
        removed += step
        if not step:
            break
    if removed:
        log.info("old months removed", before=oldest, rows=removed, lane=database.lane.value)
    return removed


def oldest_kept(month: int, keep_months: int) -> int:
    """The month, as in 202611, that lies `keep_months` before `month`."""
    count = month // 100 * 12 + month % 100 - 1 - keep_months
    return count // 12 * 100 + count % 12 + 1


def _forget_some(connection: Connection, oldest: int, *, is_partitioned: bool) -> int:
    """One transaction's worth: a whole month where a month is a table, else some rows."""
    by_month = application_months.c.month if is_partitioned else applications.c.month
    month = connection.scalar(select(func.min(by_month)).where(by_month < oldest))
    if month is None:
        return 0
    some = select(applications.c.application_id).where(applications.c.month == month)
    if not is_partitioned:
        some = some.order_by(applications.c.application_id).limit(_ROWS_PER_STEP)
    gone = applications.c.application_id.in_(some), applications.c.month == month
    with_record = connection.scalar(select(func.count(applications.c.accepted_offset)).where(*gone))
    # A row that comes back with a late record is counted by its offset again, as every row is.
    _count_out(connection, with_record or 0)
    if not is_partitioned:
        removed = connection.execute(delete(applications).where(*gone)).rowcount
        connection.execute(delete(idempotency_keys).where(idempotency_keys.c.month < oldest))
        return removed
    removed = connection.scalar(select(func.count()).where(applications.c.month == month)) or 0
    table = connection.scalar(text("SELECT to_regclass(:name)"), {"name": f"applications_{month}"})
    if table is None:
        connection.execute(delete(applications).where(applications.c.month == month))
    else:
        connection.exec_driver_sql(f"DROP TABLE applications_{month}")
    connection.execute(delete(application_months).where(application_months.c.month == month))
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.month < oldest))
    return removed


def _count_out(connection: Connection, rows: int) -> None:
    changed = connection.execute(
        tallies.update().where(tallies.c.name == CARRIED).values(count=tallies.c.count - rows)
    )
    if changed.rowcount == 0:
        connection.execute(tallies.insert(), [{"name": CARRIED, "count": -rows}])
