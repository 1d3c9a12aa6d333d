"""Brings a lane's tables to this code's version, inside the transaction it is given."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import Connection

from gateway.ledger.errors import StorageUnavailable

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Run the migrations that the tables do not have yet.

    The caller holds the lane's lock and commits. Raises StorageUnavailable for tables of a later
    version than this code knows: a roll-back of the code must not go on writing into them.
    """
    # It logs a line per plug-in while it is imported.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageUnavailable(f"the tables are of another version of scorestream: {error}") from error
