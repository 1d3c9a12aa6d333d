"""Why a client of Kafka could not connect, for a command to say once.

aiokafka logs each failed attempt with its cause (refused, wrong password, certificate) and raises an
error that has only the address. A service wants the log; a command wants the last cause in its message.
"""

from __future__ import annotations

import logging
from typing import Final

_LOGGER: Final = logging.getLogger("aiokafka")
#: Its message names the address and the cause.
_NO_CONNECTION: Final = "Unable connect to"


class _Keeper(logging.Handler):
    """Keeps the cause of the last connection that failed, and prints nothing."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the record if it is about a connection."""
        if str(record.msg).startswith(_NO_CONNECTION) and isinstance(record.args, tuple):
            self.last = str(record.args[-1]) or self.last


_keeper: Final = _Keeper()


def keep_complaints() -> None:
    """From here on print nothing of what aiokafka logs, and keep the last cause. For commands."""
    _LOGGER.setLevel(logging.ERROR)
    _LOGGER.propagate = False
    if _keeper not in _LOGGER.handlers:
        _LOGGER.addHandler(_keeper)


def last_complaint() -> str | None:
    """Why the last connection failed; None when none did, or nobody keeps it."""
    return _keeper.last
