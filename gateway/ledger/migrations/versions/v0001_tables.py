"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    _applications()
    op.create_table(
        "idempotency_keys",
        sa.Column("key_hash", sa.Text, primary_key=True),
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("application_id", sa.Text, nullable=False),
        sa.Column("applicant_id", sa.BigInteger),
        sa.Column("request_hash", sa.Text),
        sa.Column("month", sa.Integer, nullable=False, index=True),
        sa.Column("order_ms", sa.BigInteger, nullable=False),
        sa.Column("partition", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "partitions",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("first_offset", "next_offset", "newest_ms", "gaps", "repeats")
        ),
    )
    op.create_table(
        "tallies",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """There is nothing before this."""
    raise NotImplementedError("the first version; remove the database instead, the log rebuilds it")


def _applications() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    # In the order of code points, as SQLite's: a rebuild walks two sets of tables side by side.
    name = sa.Text(collation="C") if is_postgresql else sa.Text()
    # SQLite has no partitions: there the id alone is the key, and unique without a second table.
    key = ("application_id", "month") if is_postgresql else ("application_id",)
    op.create_table(
        "applications",
        sa.Column("application_id", name, nullable=False),
        sa.Column("month", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("placed_at_ms", sa.BigInteger, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("applicant_id", sa.BigInteger),
        sa.Column("batch_id", sa.Text),
        sa.Column("request_hash", sa.Text),
        sa.Column("key_hash", sa.Text),
        *_place("accepted"),
        *_place("decided"),
        sa.Column("decided_source_partition", sa.BigInteger),
        sa.Column("decided_source_offset", sa.BigInteger),
        sa.Column("decision", sa.LargeBinary),
        *_place("dead"),
        sa.Column("dead_source_partition", sa.BigInteger),
        sa.Column("dead_source_offset", sa.BigInteger),
        sa.Column("dead_reason", sa.Text),
        sa.Column("dead_detail", sa.Text),
        sa.Column("dead_attempts", sa.BigInteger),
        sa.PrimaryKeyConstraint(*key),
        postgresql_partition_by="LIST (month)",
    )
    op.create_index("applications_by_status", "applications", ["status", "placed_at_ms"])
    op.create_index("applications_by_applicant", "applications", ["applicant_id", "placed_at_ms"])
    without_record = sa.text("accepted_offset IS NULL")
    op.create_index(
        "applications_without_record",
        "applications",
        ["application_id"],
        sqlite_where=without_record,
        postgresql_where=without_record,
    )
    if not is_postgresql:
        op.create_index("applications_by_month", "applications", ["month"])
    else:
        # A timestamp far from any month that is made ahead must not be able to stop the ledger.
        op.execute("CREATE TABLE applications_other PARTITION OF applications DEFAULT")
        op.create_table(
            "application_months",
            sa.Column("application_id", name, primary_key=True),
            sa.Column("month", sa.Integer, nullable=False, index=True),
        )


def _place(kind: str) -> list[sa.Column[int]]:
    parts = ("at_ms", "order_ms", "partition", "offset")
    return [sa.Column(f"{kind}_{part}", sa.BigInteger) for part in parts]
