"""Alembic migrations of the ledger's tables; each is run once per lane."""
