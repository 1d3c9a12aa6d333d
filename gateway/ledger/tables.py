"""The ledger's tables. A lane has a set of its own: a SQLite file, or a PostgreSQL schema.

    applications        one row per application id
    application_months  PostgreSQL only: id → month of its row, which makes the id unique across months
    idempotency_keys    one row per client and key hash
    partitions          how far the log is in these tables, changed in the transaction of the rows
    tallies             rows that are here or gone for other reasons than the log between those offsets

On PostgreSQL `applications` is partitioned by month. The migrations create all this; a test
compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

metadata: Final = MetaData()

applications: Final = Table(
    "applications",
    metadata,
    Column("application_id", Text, primary_key=True),
    # In the key only because PostgreSQL wants a partitioned table's key to hold what it is split by.
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("placed_at_ms", BigInteger, nullable=False),
    Column("client_id", Text),
    Column("applicant_id", BigInteger),
    Column("batch_id", Text),
    Column("request_hash", Text),
    Column("key_hash", Text),
    Column("accepted_at_ms", BigInteger),
    Column("accepted_order_ms", BigInteger),
    Column("accepted_partition", BigInteger),
    Column("accepted_offset", BigInteger),
    Column("decided_at_ms", BigInteger),
    Column("decided_order_ms", BigInteger),
    Column("decided_partition", BigInteger),
    Column("decided_offset", BigInteger),
    Column("decided_source_partition", BigInteger),
    Column("decided_source_offset", BigInteger),
    Column("decision", LargeBinary),
    Column("dead_at_ms", BigInteger),
    Column("dead_order_ms", BigInteger),
    Column("dead_partition", BigInteger),
    Column("dead_offset", BigInteger),
    Column("dead_source_partition", BigInteger),
    Column("dead_source_offset", BigInteger),
    Column("dead_reason", Text),
    Column("dead_detail", Text),
    Column("dead_attempts", BigInteger),
)
# Counts by status, and the oldest pending, without touching a decision's bytes.
Index("applications_by_status", applications.c.status, applications.c.placed_at_ms)
Index("applications_by_applicant", applications.c.applicant_id, applications.c.placed_at_ms)
# Those whose own record is not here: few, and none for long.
Index(
    "applications_without_record",
    applications.c.application_id,
    sqlite_where=applications.c.accepted_offset.is_(None),
    postgresql_where=applications.c.accepted_offset.is_(None),
)

application_months: Final = Table(
    "application_months",
    metadata,
    Column("application_id", Text, primary_key=True),
    Column("month", Integer, nullable=False, index=True),
)

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    # The hash first: it is looked for by the hundred, and hardly ever another client has the same.
    Column("key_hash", Text, primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("application_id", Text, nullable=False),
    Column("applicant_id", BigInteger),
    Column("request_hash", Text),
    Column("month", Integer, nullable=False, index=True),
    Column("order_ms", BigInteger, nullable=False),
    Column("partition", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
)

partitions: Final = Table(
    "partitions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("newest_ms", BigInteger, nullable=False),
    # Offsets between first and next that held no record (transaction markers, or lost to retention).
    Column("gaps", BigInteger, nullable=False),
    # Records of an application that had one already.
    Column("repeats", BigInteger, nullable=False),
)

tallies: Final = Table(
    "tallies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

#: Tally: applications with a record that these tables hold although the log between their offsets has none,
#: less those it has that retention removed.
CARRIED: Final = "carried"
